// Package directory says who people and organisations are and where they are:
// organisations (ODS), patients (PDS), postcodes, and what they mean for
// routing an event.
package directory

import (
	"context"
	"errors"
	"time"

	"nems/internal/nhs"
)

// ErrNotFound is returned for a patient, organisation or postcode that the
// directory does not have.
var ErrNotFound = errors.New("not in the directory")

// ErrAway is returned while a directory cannot be reached. The event then waits.
var ErrAway = errors.New("the directory is not reachable")

// Patient is what PDS knows about a patient, as far as routing needs it.
type Patient struct {
	NHSNumber nhs.NHSNumber
	// SupersededBy is set when the requested number was superseded. NHSNumber is
	// then the requested number, and everything else comes from the record of
	// SupersededBy. When a Sink receives such a patient, everything else is
	// empty.
	SupersededBy nhs.NHSNumber
	Family       string
	Given        []string
	BirthDate    time.Time // midnight UTC
	Postcode     string    // home address, as in PAF ("LS17 7DF"); "" means unknown
	GP           nhs.ODSCode
	Sensitive    bool // confidentiality code S: access is restricted
	Invalid      bool // the record was invalidated (I)
}

// Places is where a postcode lies.
type Places struct {
	SubICB         string // ICB sub-location (ODS code), "" outside England
	LocalAuthority string // ONS code, such as E08000035
	Country        string // ONS code, such as E92000001
}

// Organisation is an entry of the ODS.
type Organisation struct {
	Code nhs.ODSCode
	Name string
	// SubICB is the ICB sub-location of a GP practice, "" for others.
	SubICB nhs.ODSCode
	// Practice says that the organisation is a GP practice.
	Practice bool
	Closed   bool
}

// Patients finds patients. Patient returns ErrNotFound for a number that PDS does
// not have, and ErrAway while PDS cannot be reached. Safe for concurrent use.
type Patients interface {
	Patient(ctx context.Context, n nhs.NHSNumber) (Patient, error)
}

// Organisations finds organisations. It returns ErrNotFound for an unknown code.
type Organisations interface {
	Organisation(ctx context.Context, code nhs.ODSCode) (Organisation, error)
}

// Postcodes finds where a postcode lies, whatever its spacing and case. It
// returns ErrNotFound for an unknown postcode.
type Postcodes interface {
	Places(ctx context.Context, postcode string) (Places, error)
}
