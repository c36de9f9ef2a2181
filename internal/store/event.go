package store

import (
	"fmt"
	"strconv"

	"nems/internal/nhs"
)

// Event is an accepted event with everything that its delivery needs, so that
// nothing has to be read from the message again.
type Event struct {
	Message []byte // as published
	// Patient is Acceptance.Patient. It is nil for an event accepted by a
	// version of this program that did not record it.
	Patient *nhs.NHSNumber
}

// nobody is the value of the column for an event without a patient.
const nobody = -1

// PackPatient returns a patient's number as a column holds it.
func PackPatient(n nhs.NHSNumber) int64 {
	packed, err := strconv.ParseInt(n.Digits(), 10, 64)
	if err != nil {
		return nobody
	}
	return packed
}

// UnpackPatient reads what PackPatient wrote. It returns ErrDamaged for
// anything else.
func UnpackPatient(packed int64) (*nhs.NHSNumber, error) {
	if packed == nobody {
		return new(nhs.NHSNumber), nil
	}
	n, err := nhs.ParseNHSNumber(fmt.Sprintf("%010d", packed))
	if err != nil {
		return nil, fmt.Errorf("%w: its patient number is not valid", ErrDamaged)
	}
	return &n, nil
}

// KnownPatient returns the patient's number that a column holds. It is zero for
// an event without a patient, and for a column that is absent or damaged:
// UnpackPatient, which reads the event, reports those.
func KnownPatient(packed *int64) nhs.NHSNumber {
	if packed == nil {
		return nhs.NHSNumber{}
	}
	n, err := UnpackPatient(*packed)
	if err != nil {
		return nhs.NHSNumber{}
	}
	return *n
}

// PatientChanges is a page of what changes patients' records: events of the Spine, and
// the patients whose records are kept and were changed here.
type PatientChanges struct {
	Events   []EventID
	Patients []nhs.NHSNumber
	// Next is where the next page begins; 0 if this is the last.
	Next int64
	// Mark is where to begin another time. A part of this page may then appear
	// again, because events with lower positions may still be waiting for their
	// commit.
	Mark int64
}
