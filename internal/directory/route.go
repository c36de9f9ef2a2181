package directory

import (
	"context"
	"errors"
	"slices"
	"time"

	"nems/internal/nhs"
	"nems/internal/subscription"
)

// Router finds the route keys of an event. Its fields are set once; after that
// it is safe for concurrent use.
type Router struct {
	Patients      Patients
	Organisations Organisations
	Postcodes     Postcodes
	// AcceptUnknown routes events of patients that PDS does not have, using
	// what the message carries. Otherwise such events are refused with
	// ErrNotFound.
	AcceptUnknown bool
}

// Subject is the person whom an event is about, as far as its message says.
type Subject struct {
	// NHSNumber is the number in the routing demographics. It is zero in a
	// birth notification without the mother's details.
	NHSNumber nhs.NHSNumber
	// Baby is the child's number in a birth without the mother's number. The
	// child's record then says where it lives.
	Baby nhs.NHSNumber
	// Newer says that the event comes from the Spine and reports a change of the
	// record. What it carries then takes precedence over the directory
	// (decisions 11 and 16). In other events it counts only if there is no
	// record.
	Newer     bool
	Postcodes []string // home addresses (the baby's, in a birth without the mother's number)
	// OldPostcodes are the former addresses in a change of address, because the
	// area that loses the patient is told too.
	OldPostcodes []string
	Practices    []nhs.ODSCode
	// Left says that the patient is no longer registered with any practice, as in
	// a change of GP that names none.
	Left      bool
	BirthDate time.Time // used if the record has none, but never in births
}

// Route is what the directory contributes to matching an event.
type Route struct {
	// Patient is the PDS record, or the zero Patient when there is none. In a
	// birth without the mother's number it is the baby's record.
	Patient Patient
	// Keys are the route keys, without repetitions.
	Keys []subscription.RouteKey
	// BirthDate and Registered are the facts for age filters and GP
	// registration: zero and nil when unknown.
	BirthDate  time.Time
	Registered *bool
	// Withheld says that the record is flagged S or I, so no copy is delivered.
	Withheld bool
}

// Facts returns what subscription.Match needs about an event of that type that
// was accepted at that time.
func (r Route) Facts(eventCode string, at time.Time) subscription.Facts {
	keys := r.Keys
	if subscription.MNSType(eventCode) != "" { // others nobody can want about everybody
		keys = append(slices.Clip(keys), subscription.Everybody)
	}
	return subscription.Facts{EventCode: eventCode, Keys: keys, BirthDate: r.BirthDate, Registered: r.Registered, At: at}
}

// Route looks the subject up. It returns ErrNotFound for a patient that PDS does
// not have (unless AcceptUnknown is set, or the event is newer than the record),
// and ErrAway while a directory cannot be reached. An unknown practice or
// postcode contributes no place.
//
// A superseded number matches explicit subscriptions under that number itself.
// Its places and flags are those of the record that supersedes it.
func (r Router) Route(ctx context.Context, s Subject) (Route, error) {
	if s.NHSNumber.IsZero() {
		return r.birth(ctx, s)
	}
	p, err := r.Patients.Patient(ctx, s.NHSNumber)
	switch {
	case errors.Is(err, ErrNotFound) && (r.AcceptUnknown || s.Newer):
		return r.by(ctx, s, nil)
	case err != nil:
		return Route{}, err
	case s.Newer && p.SupersededBy.IsZero():
		return r.by(ctx, s, &p)
	}
	return r.by(ctx, Subject{NHSNumber: s.NHSNumber, OldPostcodes: s.OldPostcodes}, &p)
}

// by routes by what the subject carries, and otherwise by the record. record is
// nil if there is none.
func (r Router) by(ctx context.Context, s Subject, record *Patient) (Route, error) {
	b := r.builder(Route{BirthDate: s.BirthDate})
	b.add(subscription.ByPatient, s.NHSNumber.Digits())
	if record != nil {
		b.route.Patient, b.route.Withheld = *record, record.Withheld()
		if !record.BirthDate.IsZero() {
			b.route.BirthDate = record.BirthDate
		}
	}
	switch {
	case len(s.Practices) > 0:
		b.practices(ctx, s.Practices)
	case s.Left:
		b.route.Registered = new(false)
	case record != nil:
		b.route.Registered = new(record.GP != "")
		b.practice(ctx, record.GP)
	}
	if len(s.Postcodes) == 0 && record != nil {
		b.postcode(ctx, record.Postcode)
	}
	b.postcodes(ctx, s.Postcodes)
	b.postcodes(ctx, s.OldPostcodes)
	return b.done()
}

// Withheld reports whether the record is flagged as confidential (S) or
// invalidated (I). Then nothing about the patient is delivered (decision 13).
func (p Patient) Withheld() bool { return p.Sensitive || p.Invalid }

// birth routes a birth notification without the mother's number. It matches
// only areas (decision 15): the area where the baby lives, and the areas of the
// practices that the message names for the mother. Her birth date does not come
// from PDS, so no age filter matches.
func (r Router) birth(ctx context.Context, s Subject) (Route, error) {
	var baby Patient
	if !s.Baby.IsZero() {
		var err error
		baby, err = r.Patients.Patient(ctx, s.Baby)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return Route{}, err
		}
	}
	b := r.builder(Route{Patient: baby, Withheld: baby.Withheld()})
	for _, code := range s.Practices {
		b.route.Registered = new(true)
		b.areaOf(ctx, code)
	}
	if baby.Postcode != "" {
		b.postcode(ctx, baby.Postcode)
	} else {
		b.postcodes(ctx, s.Postcodes)
	}
	return b.done()
}

// builder collects route keys, and the first error.
type builder struct {
	Router
	route Route
	err   error
}

func (r Router) builder(route Route) *builder { return &builder{Router: r, route: route} }

func (b *builder) done() (Route, error) {
	if b.err != nil {
		return Route{}, b.err
	}
	return b.route, nil
}

func (b *builder) add(kind subscription.Kind, value string) {
	key := subscription.RouteKey{Kind: kind, Value: value}
	if value != "" && !slices.Contains(b.route.Keys, key) {
		b.route.Keys = append(b.route.Keys, key)
	}
}

// fail records the first error, except ErrNotFound, which only means that nothing is known.
func (b *builder) fail(err error) {
	if b.err == nil && !errors.Is(err, ErrNotFound) {
		b.err = err
	}
}

// practices adds the practices with which the patient is registered. An empty
// list says nothing about registration.
func (b *builder) practices(ctx context.Context, codes []nhs.ODSCode) {
	for _, code := range codes {
		b.route.Registered = new(true)
		b.practice(ctx, code)
	}
}

func (b *builder) practice(ctx context.Context, code nhs.ODSCode) {
	if code != "" {
		b.add(subscription.ByPractice, string(code))
		b.areaOf(ctx, code)
	}
}

// areaOf adds the ICB sub-location of a practice.
func (b *builder) areaOf(ctx context.Context, code nhs.ODSCode) {
	practice, err := b.Organisations.Organisation(ctx, code)
	if err != nil {
		b.fail(err)
		return
	}
	b.add(subscription.BySubICBOfGP, string(practice.SubICB))
}

func (b *builder) postcodes(ctx context.Context, postcodes []string) {
	for _, postcode := range postcodes {
		b.postcode(ctx, postcode)
	}
}

func (b *builder) postcode(ctx context.Context, postcode string) {
	if postcode == "" {
		return
	}
	places, err := b.Postcodes.Places(ctx, postcode)
	if err != nil {
		b.fail(err)
		return
	}
	b.add(subscription.BySubICBPostcode, places.SubICB)
	b.add(subscription.ByLocalAuthority, places.LocalAuthority)
	b.add(subscription.ByCountry, places.Country)
}
