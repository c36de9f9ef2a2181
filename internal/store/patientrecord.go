package store

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"nems/internal/audit"
	"nems/internal/demographics"
	"nems/internal/nhs"
)

// ErrStale says that somebody else has changed the record meanwhile. Nothing was
// stored.
var ErrStale = errors.New("the record was changed meanwhile")

// RecordChange is everything that one transaction records about the change of a
// patient's record: the new version and its events, with all that accepting an
// event records. All of it is stored, or nothing.
type RecordChange struct {
	// Record is the new version. Its SCN is larger than Expected.
	Record demographics.Record
	// Expected is the SCN of the version that was changed; 0 for a patient whose
	// record is not stored yet.
	Expected int64
	// Position is the place of the change among events, for directories that learn; 0
	// for a record that they know.
	Position EventID
	// Request tells a request that is repeated from another one.
	Request uuid.UUID
	// Who asked for it: a person or a system.
	Who    string
	Events []Acceptance
	Audit  audit.Entry
}

// RecordVersion is a version of a patient's record, and how it came about.
type RecordVersion struct {
	demographics.Record
	Request uuid.UUID
	Who     string
	Events  []MadeEvent
}

// MadeEvent is an event that a change made.
type MadeEvent struct {
	Event EventID `json:"event"`
	Code  string  `json:"code"`
	// Withheld says that the patient is flagged, so that nobody got a copy.
	Withheld bool `json:"withheld,omitzero"`
}

// Made is what is stored of how a version came about.
type Made struct {
	Who    string      `json:"who,omitzero"`
	Events []MadeEvent `json:"events,omitzero"`
}

// Made says how the version came about.
func (c *RecordChange) Made() Made {
	m := Made{Who: c.Who}
	for _, e := range c.Events {
		m.Events = append(m.Events, MadeEvent{Event: e.Event, Code: e.Code, Withheld: e.Withheld})
	}
	return m
}

// PatientRow is a row of a patient's record, as every store has it.
type PatientRow struct {
	Patient, SCN, At int64
	Superseded       *int64
	Body             []byte
}

// NewPatientRow packs a record.
func NewPatientRow(r *demographics.Record) (row PatientRow, err error) {
	row = PatientRow{Patient: PackPatient(r.NHSNumber), SCN: r.SCN, At: r.Updated.UnixMicro()}
	if !r.SupersededBy.IsZero() {
		row.Superseded = new(PackPatient(r.SupersededBy))
	}
	row.Body, err = json.Marshal(r)
	return row, err
}

// Record unpacks what NewPatientRow has packed; ErrDamaged for anything else.
func (row PatientRow) Record() (r demographics.Record, err error) {
	if err := json.Unmarshal(row.Body, &r); err != nil {
		return r, ErrDamaged
	}
	number, err := UnpackPatient(row.Patient)
	if err != nil {
		return r, err
	}
	r.NHSNumber, r.SCN, r.Updated, r.SupersededBy = *number, row.SCN, time.UnixMicro(row.At).UTC(), nhs.NHSNumber{}
	if row.Superseded != nil {
		r.SupersededBy = KnownPatient(row.Superseded)
	}
	return r, nil
}
