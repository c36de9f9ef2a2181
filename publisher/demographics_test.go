package publisher_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"nems/message"
	"nems/publisher"
)

func patient() message.Patient {
	return message.Patient{
		NHSNumber: jack, BirthDate: "2017-10-03", BirthTime: "2017-10-03T04:05:06Z",
		Names: []message.HumanName{{Family: "DAWKIN", Given: []string{"Jack"}}, {Use: "nickname", Family: "DODGER", Given: []string{"Artful"}}},
	}
}

// What PDS says goes into the message: the number, the official name and the date of birth.
func TestTraced(t *testing.T) {
	pds := &directory{answer: publisher.Traced{NHSNumber: ann, Family: "DAWKINS", Given: []string{"Jack", "Tom"}, BirthDate: "2017-10-02"}}
	p, err := publisher.Demographics{Tracer: pds}.Patient(t.Context(), patient())
	must(t, err)
	if p.NHSNumber != ann || p.BirthDate != "2017-10-02" || p.BirthTime != "" {
		t.Errorf("the patient is %+v", p)
	}
	if len(p.Names) != 2 || p.Names[0].Family != "DAWKINS" || !slices.Equal(p.Names[0].Given, []string{"Jack", "Tom"}) || p.Names[1].Use != "nickname" {
		t.Errorf("the names are %+v", p.Names)
	}
	pds.answer = publisher.Traced{}
	if p, err = (publisher.Demographics{Tracer: pds}).Patient(t.Context(), patient()); err != nil || p.BirthTime == "" || p.Names[0].Family != "DAWKIN" {
		t.Errorf("where PDS says nothing, what is known stays: %+v, %v", p, err)
	}
}

func TestHeldBack(t *testing.T) {
	dissents := func(of string) func(context.Context, string) (bool, error) {
		return func(_ context.Context, number string) (bool, error) { return number == of, nil }
	}
	for _, c := range []struct {
		name    string
		pds     publisher.Traced
		dissent func(context.Context, string) (bool, error)
		want    publisher.Reason
	}{
		{"S flag", publisher.Traced{NHSNumber: jack, Sensitive: true}, nil, publisher.Sensitive},
		{"I flag", publisher.Traced{NHSNumber: jack, Invalid: true, Sensitive: true}, nil, publisher.Invalid},
		{"dissent", publisher.Traced{NHSNumber: jack}, dissents(jack), publisher.Dissent},
		{"dissent under the new number", publisher.Traced{NHSNumber: ann}, dissents(ann), publisher.Dissent},
		{"no dissent", publisher.Traced{NHSNumber: jack}, dissents(ann), ""},
	} {
		_, err := publisher.Demographics{Tracer: &directory{answer: c.pds}, Dissent: c.dissent}.Patient(t.Context(), patient())
		var held *publisher.HeldBackError
		if got := errors.As(err, &held); got != (c.want != "") || got && (held.Reason != c.want || !errors.Is(err, publisher.ErrHeldBack)) {
			t.Errorf("%s: received %v; expected the reason %q", c.name, err, c.want)
		}
	}
	for _, fault := range []error{publisher.ErrAway, publisher.ErrNotTraced} {
		if _, err := (publisher.Demographics{Tracer: &directory{err: fault}}).Patient(t.Context(), patient()); !errors.Is(err, fault) {
			t.Errorf("received %v; expected %v", err, fault)
		}
	}
	ask := func(context.Context, string) (bool, error) { return false, context.DeadlineExceeded }
	if _, err := (publisher.Demographics{Tracer: &directory{}, Dissent: ask}).Patient(t.Context(), patient()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("who cannot be asked for dissent is not sent: received %v", err)
	}
}

func TestCheck(t *testing.T) {
	m := vaccination(t, jack, epoch)
	if err := publisher.Check(m, publisher.Strict); err != nil {
		t.Error(err)
	}
	found, err := publisher.Findings([]byte("<Bundle"), "")
	if err != nil || len(found) != 1 {
		t.Errorf("bytes that are no message: %+v, %v", found, err)
	}
}
