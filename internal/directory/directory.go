// Package directory says who and where: organisations (ODS), patients (PDS),
// postcodes, and what they mean for routing an event.
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

// ErrAway is returned while a directory cannot be reached: the event waits.
var ErrAway = errors.New("the directory is not reachable")

// Patient is what PDS knows of a patient, as far as routing needs it.
type Patient struct {
	NHSNumber nhs.NHSNumber
	// SupersededBy is set when the number asked for was superseded: NHSNumber is
	// then the number asked for, the rest comes from the record that
	// SupersededBy names. In what a Sink is given the rest is empty.
	SupersededBy nhs.NHSNumber
	Family       string
	Given        []string
	BirthDate    time.Time // midnight UTC
	Postcode     string    // home address, as in PAF ("LS17 7DF"), "" unknown
	GP           nhs.ODSCode
	Sensitive    bool // confidentiality code S: access restricted
	Invalid      bool // record invalidated (I)
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
	// Practice tells GP practices from other organisations.
	Practice bool
	Closed   bool
}

// Patients finds patients. Patient returns ErrNotFound for a number that PDS does
// not have and ErrAway while it cannot be asked. Safe for concurrent use.
type Patients interface {
	Patient(ctx context.Context, n nhs.NHSNumber) (Patient, error)
}

// Organisations finds organisations; ErrNotFound when there is none.
type Organisations interface {
	Organisation(ctx context.Context, code nhs.ODSCode) (Organisation, error)
}

// Postcodes finds where a postcode lies, whatever its spacing and case;
// ErrNotFound when it is not known.
type Postcodes interface {
	Places(ctx context.Context, postcode string) (Places, error)
}
