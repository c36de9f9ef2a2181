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

// Flagged reports whether the patient of an event was flagged after the event was
// accepted (decision 13). Then no further copy may be delivered. A patient whom
// the directory does not have is not flagged.
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

// patientIn returns the patient stored with an event, or else the one in its
// message, because earlier versions of this program stored none.
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

// patientOf returns the patient whose record decides whether an event may be
// delivered: the routing number's, or the baby's in a birth without the
// mother's number. It is zero when neither can be read.
func patientOf(e *event.Event) nhs.NHSNumber {
	number, err := nhs.ParseNHSNumber(e.Routing.NHSNumber)
	if err != nil && e.Code == event.BirthNotification {
		number = babyOf(e)
	}
	return number
}
