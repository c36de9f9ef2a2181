package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"nems/internal/catalogue/example"
	"nems/internal/directory"
	"nems/internal/directory/devworld"
	"nems/internal/fhir"
	"nems/internal/nhs"
	"nems/internal/operator"
)

// exampleCmd prints example messages of this project.
type exampleCmd struct {
	Code      string  `arg:"" help:"Event code, such as vaccinations-1; a wrong one lists them all."`
	Kind      string  `help:"new, update or delete, if the event's page allows it; default: new."`
	NHSNumber string  `name:"nhs-number" help:"Patient. What else is known is filled in: of the dev world's patients by itself, of others where a service runs that --data or --operations-url names."`
	Family    string  `help:"Family name of the patient."`
	Given     string  `help:"First name of the patient."`
	BirthDate string  `name:"birth-date" help:"Birth date of the patient (YYYY-MM-DD)."`
	Postcode  string  `help:"Home postcode of the patient."`
	Practice  string  `help:"ODS code of the patient's GP practice."`
	ID        string  `name:"id" env:"-" help:"MessageHeader.id, a UUID; default: a fresh one. An update has the id of the message that it updates."`
	At        instant `help:"Moment of the message: RFC 3339, a date, or how long ago (36h); default: now."`
	Seed      *uint64 `help:"Make the same ids every time; with --at, the same bytes."`
	Count     int     `default:"1" help:"How many messages."`
	Save      string  `type:"path" placeholder:"DIR" help:"Write each message to a file of this folder; default: standard output."`
	Compact   bool    `help:"One line per message; default for several messages on standard output."`
	operated
}

// Run prints or saves the messages.
func (e *exampleCmd) Run(ctx context.Context) error {
	p, err := e.patient(ctx)
	if err != nil {
		return err
	}
	generator, err := e.generator()
	if err != nil {
		return err
	}
	if e.Save != "" {
		if err := os.MkdirAll(e.Save, 0o755); err != nil {
			return err
		}
	}
	for n := range e.Count {
		message, err := generator.Message(e.Code, e.Kind, p)
		if err != nil {
			return err
		}
		if err := e.write(message, n); err != nil {
			return err
		}
	}
	return nil
}

// generator applies the flags about ids and time.
func (e *exampleCmd) generator() (example.Generator, error) {
	g := example.Generator{NewID: uuid.NewString, Now: time.Now}
	switch {
	case e.Count < 1:
		return g, errors.New("--count: expected 1 or more")
	case e.ID != "" && e.Count > 1:
		return g, errors.New("--id: only one message can have it; received --count too")
	}
	if e.ID != "" {
		id, err := uuid.Parse(e.ID)
		if err != nil || len(e.ID) != len(id.String()) {
			return g, errors.New("--id: expected a UUID such as 236bb75d-90ef-461f-b71e-fde7f899802c")
		}
		g.MessageID = id.String()
	}
	if !e.At.IsZero() {
		g.Now = func() time.Time { return e.At.Time }
	}
	if e.Seed != nil {
		source := rand.NewChaCha8(seedOf(*e.Seed))
		g.NewID = func() string {
			id, _ := uuid.NewRandomFromReader(source) // the source does not fail
			return id.String()
		}
	}
	return g, nil
}

func seedOf(n uint64) (seed [32]byte) {
	binary.LittleEndian.PutUint64(seed[:], n)
	return seed
}

// write writes the nth message, counted from 0, to its destination.
func (e *exampleCmd) write(message []byte, n int) error {
	if e.Compact || e.Save == "" && e.Count > 1 {
		message = append(message, '\n')
	} else {
		message = fhir.IndentXML(message)
	}
	if e.Save == "" {
		_, err := os.Stdout.Write(message)
		return err
	}
	name := filepath.Join(e.Save, fmt.Sprintf("%s-%04d.xml", e.Code, n+1))
	if err := os.WriteFile(name, message, 0o644); err != nil {
		return err
	}
	fmt.Fprintln(stdout(), name)
	return nil
}

// patient returns the patient that the flags describe. For a patient of the dev
// world the directory fills in what the flags leave open, because publishing
// compares names and birth date with the directory.
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
	known, err := e.known(ctx, number)
	if errors.Is(err, directory.ErrNotFound) {
		return p, nil // a patient of the user's own
	}
	if err != nil {
		return p, err
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
	fill(&p.BirthDate, known.BirthDate)
	return p, nil
}

// known looks a patient up in the dev world, and then in the directory of a running
// service.
func (e *exampleCmd) known(ctx context.Context, number nhs.NHSNumber) (found operator.FoundPatient, err error) {
	world, err := devworld.New()
	if err != nil {
		return found, err
	}
	if p, err := world.Patient(ctx, number); err == nil {
		found = operator.FoundPatient{Family: p.Family, Given: p.Given, Postcode: p.Postcode, GP: p.GP}
		if !p.BirthDate.IsZero() {
			found.BirthDate = p.BirthDate.Format(time.DateOnly)
		}
		return found, nil
	}
	if access, err := operator.ReadAccess(e.Data); e.URL == "" && (err != nil || access.URL == "") {
		return found, directory.ErrNotFound
	}
	err = e.with(func(f operator.Face) error {
		found, err = operator.LookUpPatient.Do(ctx, f, operator.PatientQuestion{Patient: number.Digits(), Reason: "to make an example message"})
		return err
	})
	if errors.Is(err, operator.NotFound) {
		err = directory.ErrNotFound
	}
	return found, err
}
