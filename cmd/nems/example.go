package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"nems/internal/catalogue/example"
	"nems/internal/directory/devworld"
	"nems/internal/nhs"
)

// exampleCmd prints a message of our own making.
type exampleCmd struct {
	Code      string `arg:"" help:"Event code, such as vaccinations-1; a wrong one lists them all."`
	Kind      string `help:"new, update or delete, as far as the event's page allows; default: new."`
	NHSNumber string `name:"nhs-number" help:"Patient; the names of a patient of the dev world are filled in."`
	Family    string `help:"Family name of the patient."`
	Given     string `help:"First name of the patient."`
	BirthDate string `name:"birth-date" help:"Birth date of the patient (YYYY-MM-DD)."`
	Postcode  string `help:"Home postcode of the patient."`
	Practice  string `help:"ODS code of the patient's GP practice."`
}

// Run prints the message to standard output.
func (e *exampleCmd) Run(ctx context.Context) error {
	p, err := e.patient(ctx)
	if err != nil {
		return err
	}
	message, err := example.Message(e.Code, e.Kind, p)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(message)
	return err
}

// patient takes the flags, and for a patient of the dev world what they leave
// open: publishing compares names and birth date with the directory.
func (e *exampleCmd) patient(ctx context.Context) (example.Patient, error) {
	p := example.Patient{
		NHSNumber: e.NHSNumber, Family: e.Family, Given: e.Given,
		BirthDate: e.BirthDate, Postcode: e.Postcode, Practice: e.Practice,
	}
	if _, err := time.Parse(time.DateOnly, e.BirthDate); err != nil && e.BirthDate != "" {
		return p, fmt.Errorf("--birth-date: expected a date that exists, as YYYY-MM-DD")
	}
	if e.NHSNumber == "" {
		return p, nil
	}
	number, err := nhs.ParseNHSNumber(e.NHSNumber)
	if err != nil {
		return p, fmt.Errorf("--nhs-number: %w", err)
	}
	p.NHSNumber = number.Digits()
	world, err := devworld.New()
	if err != nil {
		return p, err
	}
	known, err := world.Patient(ctx, number)
	if err != nil {
		return p, nil // a patient of the user's own
	}
	fill := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	fill(&p.Family, known.Family)
	fill(&p.Given, strings.Join(known.Given, " "))
	fill(&p.Postcode, known.Postcode)
	fill(&p.Practice, string(known.GP))
	if !known.BirthDate.IsZero() {
		fill(&p.BirthDate, known.BirthDate.Format(time.DateOnly))
	}
	return p, nil
}
