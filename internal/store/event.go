package store

import (
	"fmt"
	"strconv"

	"nems/internal/nhs"
)

// Event is an event as it was accepted, as far as its delivery needs it:
// nothing has to be read out of the message again.
type Event struct {
	Message []byte // as published
	// Patient is Acceptance.Patient; nil where a version of this program
	// accepted the event that did not note it.
	Patient *nhs.NHSNumber
}

// nobody is what the column of an event about nobody holds.
const nobody = -1

// PackPatient makes a patient's number what a column holds.
func PackPatient(n nhs.NHSNumber) int64 {
	packed, err := strconv.ParseInt(n.Digits(), 10, 64)
	if err != nil {
		return nobody
	}
	return packed
}

// UnpackPatient reads what PackPatient made. What it cannot have made is
// ErrDamaged.
func UnpackPatient(packed int64) (*nhs.NHSNumber, error) {
	if packed == nobody {
		return new(nhs.NHSNumber), nil
	}
	n, err := nhs.ParseNHSNumber(fmt.Sprintf("%010d", packed))
	if err != nil {
		return nil, fmt.Errorf("%w: the number of its patient is none", ErrDamaged)
	}
	return &n, nil
}

// KnownPatient is what a column holds; zero for nobody, and for what is absent
// or damaged: reading the event (UnpackPatient) tells of that.
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

// PatientChanges are a page of the events that change patients' records.
type PatientChanges struct {
	Events []EventID
	// Next is where the next page begins; 0 where this is the last.
	Next int64
	// Mark is where to begin another time. Some of the page may then come again:
	// those before which others may still be on their way to their commit.
	Mark int64
}
