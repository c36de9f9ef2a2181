package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"nems/internal/directory"
	"nems/internal/event"
	"nems/internal/nhs"
	"nems/internal/refuse"
)

// findPatient looks the patient up, compares the routing demographics with the
// record, and collects the route keys (decisions 11, 15, 16 and 17).
func (b *Broker) findPatient(ctx context.Context, p *publication) error {
	if len(p.otherPatients) > 0 {
		return refuse.PatientsDiffer(Issues(p.otherPatients)...)
	}
	route, err := b.locate(ctx, &p.event, p.number)
	if errors.Is(err, directory.ErrAway) {
		p.deferred = true // RouteDeferred continues when the directory can be reached
		return nil
	}
	if errors.Is(err, directory.ErrNotFound) {
		return refuse.PatientNotFound("the routing demographics name an NHS number that PDS does not have")
	}
	if err != nil {
		return err
	}
	p.route = route
	if parts := differences(&p.event, p.number, route.Patient); len(parts) > 0 {
		return refuse.InvalidPatientDemographics("the routing demographics differ from the PDS record in: " + strings.Join(parts, ", "))
	}
	return nil
}

// maxPlaces is far more places than anybody lives or is registered at, and few
// enough to be looked up and matched while others wait.
const maxPlaces = 64

// Forgetter is an optional interface of Config.Patients, for a directory that
// caches its answers. Forget makes the next look-up of a patient ask again. Safe
// for concurrent use.
type Forgetter interface {
	Forget(n nhs.NHSNumber)
}

// locate looks up whom an event is about. An event of the demographics service
// reports a change of the record, so a cached record is out of date, first of
// all for matching this very event.
func (b *Broker) locate(ctx context.Context, e *event.Event, number nhs.NHSNumber) (directory.Route, error) {
	s := subject(e, number)
	if n := len(s.Postcodes) + len(s.OldPostcodes) + len(s.Practices); n > maxPlaces {
		return directory.Route{}, refuse.InvalidResource(refuse.ResourceIssue("error", "", fmt.Sprintf(
			"a message names at most %d postcodes and practices of its patient; received %d", maxPlaces, n), "Bundle", "/f:Bundle"))
	}
	if memory, ok := b.Patients.(Forgetter); ok && s.Newer {
		forget := func() { memory.Forget(s.NHSNumber); memory.Forget(s.Baby) }
		forget()
		// The look-up may have cached the record from before the change.
		defer forget()
	}
	return b.router.Route(ctx, s)
}

// differences returns the routing demographics that differ from the record.
// Events of the Spine are newer than the record, so they are not compared
// (decision 11).
func differences(e *event.Event, number nhs.NHSNumber, record directory.Patient) []string {
	if fromSpine(e.Code) {
		return nil
	}
	return directory.Agrees(record, e.Routing.Family, e.Routing.Given, e.Routing.BirthDate)
}

// babyOf returns the first NHS number of the baby in a birth; zero when it has none.
func babyOf(e *event.Event) nhs.NHSNumber {
	if e.Baby < 0 || len(e.Patients[e.Baby].NHSNumbers) == 0 {
		return nhs.NHSNumber{}
	}
	number, _ := nhs.ParseNHSNumber(e.Patients[e.Baby].NHSNumbers[0])
	return number
}

// subject collects what the message says about where the patient lives and is registered.
func subject(e *event.Event, number nhs.NHSNumber) directory.Subject {
	s := directory.Subject{NHSNumber: number, Newer: fromSpine(e.Code)}
	s.BirthDate, _ = time.Parse(time.DateOnly, e.Routing.BirthDay())
	if e.Code == event.BirthNotification {
		return birth(e, s)
	}
	for _, patient := range e.Patients {
		s.Postcodes = append(s.Postcodes, homes(patient)...)
		s.Practices = append(s.Practices, practices(patient)...)
	}
	s.Postcodes, s.Practices = distinct(s.Postcodes), distinct(s.Practices)
	switch e.Code {
	case pdsChangeOfAddress:
		s.OldPostcodes = distinct(e.OldPostcodes())
	case pdsChangeOfGP:
		s.Left = len(s.Practices) == 0
	}
	return s
}

// birth distinguishes mother and baby: the event is about the mother, but
// without her number it is routed by where the baby lives.
func birth(e *event.Event, s directory.Subject) directory.Subject {
	if e.Mother >= 0 {
		s.Practices = practices(e.Patients[e.Mother])
	}
	switch {
	case !s.NHSNumber.IsZero():
		if e.Mother >= 0 {
			s.Postcodes = homes(e.Patients[e.Mother])
		}
	case e.Baby >= 0:
		s.Postcodes, s.Baby = homes(e.Patients[e.Baby]), babyOf(e)
	}
	return s
}

// fromSpine reports whether only the Spine publishes an event: one about a
// change of a record at PDS.
func fromSpine(code string) bool { return strings.HasPrefix(code, "pds-") }

const (
	// pdsChangeOfAddress is the event that goes to both the old and the new area.
	pdsChangeOfAddress = "pds-change-of-address-1"
	// pdsChangeOfGP is the event that names the patient's new practice, if there is one.
	pdsChangeOfGP = "pds-change-of-gp-1"
)

// homes lists the postcodes where the patient lives now.
func homes(p event.Patient) []string {
	var out []string
	for _, a := range p.Addresses {
		if a.Postcode != "" && (a.Use == "" || a.Use == "home") {
			out = append(out, a.Postcode)
		}
	}
	return distinct(out)
}

// practices lists the practices that the message names for the patient.
func practices(p event.Patient) []nhs.ODSCode {
	var out []nhs.ODSCode
	for _, text := range p.Practitioners {
		if code, err := nhs.ParseODSCode(text); err == nil {
			out = append(out, code)
		}
	}
	return distinct(out)
}

// distinct removes repetitions.
func distinct[T comparable](all []T) []T {
	if len(all) < 2 {
		return all
	}
	seen := make(map[T]bool, len(all))
	return slices.DeleteFunc(all, func(v T) bool {
		again := seen[v]
		seen[v] = true
		return again
	})
}
