package broker

import (
	"context"
	"errors"

	"nems/internal/directory"
	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/nhs"
	"nems/internal/store"
)

// Flagged tells whether the patient of an event has been flagged since the event
// was accepted (decision 13): no further copy of it may leave. A patient whom the
// directory does not have is not flagged.
func (b *Broker) Flagged(ctx context.Context, e store.Event) (bool, error) {
	patient := patientIn(e)
	if patient.IsZero() {
		return false, nil
	}
	record, err := b.Patients.Patient(ctx, patient)
	if errors.Is(err, directory.ErrNotFound) {
		return false, nil
	}
	return record.Withheld(), err
}

// patientIn is who was stored with an event, or else who is named in its message:
// earlier versions of this program stored nobody.
func patientIn(e store.Event) nhs.NHSNumber {
	if e.Patient != nil {
		return *e.Patient
	}
	doc, _, err := fhir.ParseXML(e.Message)
	if err != nil {
		return nhs.NHSNumber{}
	}
	facts, _ := event.Read(doc)
	return patientOf(&facts)
}

// patientOf is whose record says whether an event may flow: that of the routing
// number, or the baby's in a birth without the mother's; zero when neither can
// be read.
func patientOf(e *event.Event) nhs.NHSNumber {
	number, err := nhs.ParseNHSNumber(e.Routing.NHSNumber)
	if err != nil && e.Code == event.BirthNotification {
		number = babyOf(e)
	}
	return number
}
