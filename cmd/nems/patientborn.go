package main

import (
	"context"
	"strconv"
	"time"

	"nems/internal/demographics"
	"nems/internal/nhs"
	"nems/internal/operator"
)

type patientBorn struct {
	Mother      string   `arg:"" help:"The mother's NHS number; - reads it from standard input."`
	Baby        string   `env:"-" help:"The baby's NHS number; by default a free one of the range for tests."`
	At          string   `env:"-" help:"When the baby was born: RFC 3339; by default now."`
	Given       []string `env:"-" help:"Given names, separated by commas."`
	Family      string   `env:"-" help:"Family name; by default the mother's."`
	Gender      string   `default:"" enum:",male,female,other,unknown" env:"-" help:"male, female, other or unknown."`
	Order       int      `env:"-" help:"Place in the order of birth, 1 to 7; by default 1."`
	Births      int      `env:"-" help:"How many children were born in this delivery; by default 1."`
	Weight      int      `env:"-" help:"Weight in grams; by default 3400."`
	Weeks       int      `env:"-" help:"Weeks of gestation; by default 40."`
	Authority   string   `env:"-" help:"ODS code of the trust that registers the birth; by default RR8."`
	Place       string   `env:"-" help:"ODS code of where the delivery was."`
	ChildHealth string   `env:"-" help:"ODS code of the responsible child health organisation."`
	Request     string   `env:"-" help:"A UUID. A request that is repeated with the same one is done once."`
	operated
	formatted
}

// Run notifies the birth.
func (p *patientBorn) Run(ctx context.Context) error {
	number := patientNumber{p.Mother}
	mother, err := number.number()
	if err != nil {
		return err
	}
	q := operator.BirthToNotify{Patient: p.Baby, Given: p.Given, Family: p.Family, Gender: p.Gender, Order: p.Order, Request: p.Request, Birth: demographics.Birth{
		Mother: mother, WeightGrams: p.Weight, GestationWeeks: p.Weeks, Births: p.Births,
		Authority: nhs.ODSCode(p.Authority), Place: nhs.ODSCode(p.Place), ChildHealth: nhs.ODSCode(p.ChildHealth),
	}}
	if p.At != "" {
		if q.Born, err = time.Parse(time.RFC3339, p.At); err != nil {
			return err
		}
	}
	return p.with(func(f operator.Face) error {
		done, err := operator.NotifyBirth.Do(ctx, f, q)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, e := range done.Changed.Events {
			rows = append(rows, []string{done.Patient, strconv.FormatInt(e.Event, 10), e.EventType, e.MessageID, copiesOf(e)})
		}
		return p.print(done, "BABY EVENT EVENT-TYPE MESSAGE-ID COPIES", rows)
	})
}
