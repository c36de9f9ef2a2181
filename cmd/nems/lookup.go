package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"nems/internal/nhs"
	"nems/internal/operator"
)

// lookupCmd asks the directory of a running service.
type lookupCmd struct {
	Organisation lookupOrganisation `cmd:"" help:"Look up an organisation by its ODS code."`
	Postcode     lookupPostcode     `cmd:"" help:"Look up where a postcode lies."`
	Patient      lookupPatient      `cmd:"" help:"Look up a patient; the NHS number is read from standard input."`
}

type lookupOrganisation struct {
	Code string `arg:"" help:"ODS code, such as B86056."`
	operated
	formatted
}

// Run prints what the directory has.
func (l *lookupOrganisation) Run(ctx context.Context) error {
	return l.with(func(f operator.Face) error {
		o, err := operator.LookUpOrganisation.Do(ctx, f, operator.OrganisationRef{Code: nhs.ODSCode(l.Code)})
		if err != nil {
			return err
		}
		return l.print(o, "CODE NAME PRACTICE ICB-SUB-LOCATION CLOSED", [][]string{{string(o.Code), o.Name, yes(o.Practice), string(o.SubICB) + " " + o.SubICBName, yes(o.Closed)}})
	})
}

type lookupPostcode struct {
	Postcode []string `arg:"" help:"Postcode, in any spacing."`
	operated
	formatted
}

// Run prints where the postcode lies.
func (l *lookupPostcode) Run(ctx context.Context) error {
	return l.with(func(f operator.Face) error {
		p, err := operator.LookUpPostcode.Do(ctx, f, operator.PostcodeQuestion{Postcode: strings.Join(l.Postcode, " ")})
		if err != nil {
			return err
		}
		return l.print(p, "POSTCODE ICB-SUB-LOCATION LOCAL-AUTHORITY COUNTRY", [][]string{{p.Postcode, p.SubICB + " " + p.SubICBName, p.LocalAuthority, p.Country}})
	})
}

type lookupPatient struct {
	Number string `arg:"" help:"A dash: the NHS number is read from standard input, so that no list of processes shows it."`
	Reason string `required:"" env:"-" help:"Why the patient is looked up; the audit keeps it."`
	operated
	formatted
}

// Run prints what the directory knows of the patient.
func (l *lookupPatient) Run(ctx context.Context) error {
	if l.Number != "-" {
		return errors.New("the NHS number is read from standard input: echo NUMBER | nems lookup patient - --reason TEXT")
	}
	number, err := typedPatient()
	if err != nil {
		return err
	}
	return l.with(func(f operator.Face) error {
		p, err := operator.LookUpPatient.Do(ctx, f, operator.PatientQuestion{Patient: number, Reason: l.Reason})
		if err != nil {
			return err
		}
		return l.print(p, "NHS-NUMBER NAME BORN POSTCODE GP S I SUPERSEDED-BY", [][]string{{
			p.Patient, p.Family + ", " + strings.Join(p.Given, " "), p.BirthDate, p.Postcode, fmt.Sprint(p.GP), yes(p.Sensitive), yes(p.Invalid), p.SupersededBy,
		}})
	})
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return ""
}
