package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"nems/internal/demographics"
	"nems/internal/nhs"
	"nems/internal/operator"
)

// patientsCmd looks after the records of patients, where no other PDS does.
type patientsCmd struct {
	List     listPatients    `cmd:"" help:"List records, by their NHS numbers."`
	Show     showPatient     `cmd:"" help:"Show a record with its versions and their events."`
	Add      addPatient      `cmd:"" help:"Make the record of a patient who has none."`
	Set      setPatient      `cmd:"" help:"Change name, gender, contact details and the like."`
	Move     movePatient     `cmd:"" help:"Change the home address."`
	Register registerPatient `cmd:"" help:"Register the patient with a GP practice, or nowhere (--leave)."`
	Died     patientDied     `cmd:"" help:"Notify a death, or remove the notification."`
	Born     patientBorn     `cmd:"" help:"Make the record of a newborn and notify the birth."`
	Flag     flagPatient     `cmd:"" help:"Flag the record as sensitive (S) or invalid (I), or remove the flag (--remove)."`
	Merge    mergePatients   `cmd:"" help:"Let one NHS number be superseded by another."`
	Load     loadPatients    `cmd:"" help:"Load whole records from a file, without any event."`
}

// Help explains what the commands have in common.
func (patientsCmd) Help() string {
	return "Each change makes the events that PDS makes of it (first what happened, then that the record changed), " +
		"and stores them in one transaction with the record: what the record says, subscribers have been told. " +
		"An NHS number may be given as - : then it is read from standard input, which keeps it out of the shell's history."
}

// patientNumber is an NHS number on the command line.
type patientNumber struct {
	Patient string `arg:"" help:"NHS number; - reads it from standard input."`
}

func (p *patientNumber) number() (string, error) {
	if p.Patient == "-" {
		return typedPatient()
	}
	return strings.ReplaceAll(p.Patient, " ", ""), nil
}

// recordChanging is what all changes of a record have in common.
type recordChanging struct {
	Version   int64  `name:"if-version" env:"-" help:"Refuse the change if the record has another version (SCN) by now."`
	Request   string `env:"-" help:"A UUID. A request that is repeated with the same one is done once."`
	ByCitizen bool   `env:"-" help:"The patients changed it themselves."`
	operated
	formatted
}

// change asks for a change and prints its events.
func (c *recordChanging) change(ctx context.Context, p *patientNumber, isNew bool, e demographics.Edit) error {
	number, err := p.number()
	if err != nil {
		return err
	}
	return c.with(func(f operator.Face) error {
		done, err := operator.ChangeRecord.Do(ctx, f, operator.RecordChange{
			Patient: number, Version: c.Version, New: isNew, Request: c.Request, ByCitizen: c.ByCitizen, Edit: e,
		})
		if err != nil {
			return err
		}
		return c.printChange(done)
	})
}

func (c *recordChanging) printChange(done operator.RecordChanged) error {
	if c.Format != "json" && len(done.Events) == 0 {
		_, err := fmt.Fprintf(stdout(), "Nothing differs: the record stays at version %d, and there is no event.\n", done.Version)
		return err
	}
	var rows [][]string
	for _, e := range done.Events {
		rows = append(rows, []string{strconv.FormatInt(done.Version, 10), strconv.FormatInt(e.Event, 10), e.EventType, e.MessageID, copiesOf(e)})
	}
	return c.print(done, "VERSION EVENT EVENT-TYPE MESSAGE-ID COPIES", rows)
}

func copiesOf(e operator.RecordEvent) string {
	if e.Withheld {
		return "withheld"
	}
	return strconv.Itoa(e.Copies)
}

type addPatient struct {
	patientNumber
	Family   string   `required:"" env:"-" help:"Family name."`
	Given    []string `required:"" env:"-" help:"Given names, separated by commas."`
	Born     string   `required:"" env:"-" help:"Day of birth: YYYY-MM-DD."`
	Gender   string   `default:"unknown" enum:"male,female,other,unknown" env:"-" help:"male, female, other or unknown."`
	Postcode string   `env:"-" help:"Postcode of the home."`
	Line     []string `sep:"none" env:"-" help:"A line of the home's address; repeat it for each."`
	Practice string   `env:"-" help:"ODS code of the GP practice."`
	recordChanging
}

// Run makes the record.
func (a *addPatient) Run(ctx context.Context) error {
	return a.change(ctx, &a.patientNumber, true, demographics.Edit{
		Family: a.Family, Given: a.Given, BirthDate: a.Born, Gender: a.Gender, Postcode: a.Postcode, Lines: a.Line, Practice: nhs.ODSCode(a.Practice),
	})
}

type setPatient struct {
	patientNumber
	Family   string   `env:"-" help:"Family name."`
	Given    []string `env:"-" help:"Given names, separated by commas."`
	Prefix   []string `env:"-" help:"Titles, separated by commas."`
	Born     string   `env:"-" help:"Day of birth, corrected: YYYY-MM-DD."`
	Gender   string   `default:"" enum:",male,female,other,unknown" env:"-" help:"male, female, other or unknown."`
	Phone    string   `env:"-" help:"Mobile phone number; - removes it."`
	Email    string   `env:"-" help:"Email address; - removes it."`
	Pharmacy string   `env:"-" help:"ODS code of the nominated pharmacy."`
	Language string   `env:"-" help:"Code of the language, such as fr."`
	DeathAt  string   `env:"-" help:"Day or time of a death that was notified, corrected."`
	recordChanging
}

// Run changes the record.
func (s *setPatient) Run(ctx context.Context) error {
	return s.change(ctx, &s.patientNumber, false, demographics.Edit{
		Family: s.Family, Given: s.Given, Prefix: s.Prefix, BirthDate: s.Born, Gender: s.Gender, Phone: s.Phone, Email: s.Email,
		Pharmacy: nhs.ODSCode(s.Pharmacy), Language: s.Language, DeathAt: s.DeathAt,
	})
}

type movePatient struct {
	patientNumber
	Postcode string   `required:"" env:"-" help:"Postcode of the new home; ZZ99 3VZ without a fixed one."`
	Line     []string `sep:"none" env:"-" help:"A line of the address; repeat it for each."`
	UPRN     string   `name:"uprn" env:"-" help:"Unique property reference number."`
	recordChanging
}

// Run moves the patient.
func (m *movePatient) Run(ctx context.Context) error {
	return m.change(ctx, &m.patientNumber, false, demographics.Edit{Postcode: m.Postcode, Lines: m.Line, UPRN: m.UPRN})
}

type registerPatient struct {
	patientNumber
	Practice string `arg:"" optional:"" help:"ODS code of the practice."`
	Leave    bool   `env:"-" help:"The patient is registered nowhere any more."`
	Why      string `default:"" enum:",DEA,EMB,SCT,NIT,TRA,ORR" env:"-" help:"Why: DEA death, EMB embarkation, SCT Scotland, NIT Northern Ireland, TRA transferred, ORR other."`
	recordChanging
}

// Run changes the registration.
func (r *registerPatient) Run(ctx context.Context) error {
	if (r.Practice == "") != r.Leave {
		return errors.New("give either the ODS code of a practice or --leave")
	}
	return r.change(ctx, &r.patientNumber, false, demographics.Edit{Practice: nhs.ODSCode(r.Practice), Left: r.Leave, Removal: r.Why})
}

type patientDied struct {
	patientNumber
	Status string `default:"formal" enum:"informal,formal,removed" env:"-" help:"informal (by a practice or a trust), formal (by a registrar) or removed."`
	At     string `env:"-" help:"Day or time of death; by default today."`
	recordChanging
}

// Run notifies the death.
func (d *patientDied) Run(ctx context.Context) error {
	status := map[string]string{"informal": demographics.InformalDeath, "formal": demographics.FormalDeath, "removed": demographics.RemovedDeath}[d.Status]
	return d.change(ctx, &d.patientNumber, false, demographics.Edit{Death: status, DeathAt: d.At})
}

type flagPatient struct {
	patientNumber
	Flag   string `arg:"" enum:"sensitive,invalid" help:"sensitive (S: nothing is published about the patient) or invalid (I: the record stands for nobody)."`
	Remove bool   `env:"-" help:"Remove the flag."`
	recordChanging
}

// Run sets or removes the flag.
func (c *flagPatient) Run(ctx context.Context) error {
	e := demographics.Edit{}
	if c.Flag == "sensitive" {
		e.Sensitive = new(!c.Remove)
	} else {
		e.Invalid = new(!c.Remove)
	}
	return c.change(ctx, &c.patientNumber, false, e)
}

type mergePatients struct {
	patientNumber
	Into string `arg:"" help:"NHS number under which the patient is known now."`
	recordChanging
}

// Run lets the number be superseded.
func (m *mergePatients) Run(ctx context.Context) error {
	return m.change(ctx, &m.patientNumber, false, demographics.Edit{SupersededBy: strings.ReplaceAll(m.Into, " ", "")})
}
