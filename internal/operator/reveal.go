package operator

import (
	"context"
	"strings"

	"nems/internal/audit"
	"nems/internal/nhs"
)

// Reveal says that somebody looks at patients' identifiers, and why.
type Reveal struct {
	Page   string `json:"page" jsonschema:"what shows them"`
	Reason string `json:"reason" jsonschema:"why they are looked at"`
	// Patients are those that are shown, as far as they are known.
	Patients []string `json:"patients,omitempty" jsonschema:"NHS numbers of those that are shown, as far as they are known"`
}

// mostRevealed is how many patients one page may show, mostReasons how many bytes a
// reason may have.
const (
	mostRevealed = 1000
	mostReason   = 500
)

// reveal records that identifiers are shown: an entry for each patient, so that the
// patient's story has it.
func (d Desk) reveal(_ context.Context, r Reveal) (None, error) {
	r.Reason = strings.TrimSpace(r.Reason)
	switch {
	case r.Reason == "" || len(r.Reason) > mostReason:
		return None{}, expected("reason", "why the identifiers are needed, in at most 500 bytes", "")
	case len(r.Patients) > mostRevealed:
		return None{}, expected("patients", "at most 1000", "")
	}
	entry := d.entry(audit.ActionReveal, r.Page)
	entry.Reason = r.Reason
	entries := make([]audit.Entry, 0, len(r.Patients))
	for _, number := range r.Patients {
		patient, err := nhs.ParseNHSNumber(number)
		if err != nil {
			return None{}, invalid("patients", "patients: %s", err)
		}
		entry.Patient = patient
		entries = append(entries, entry)
	}
	if len(entries) == 0 {
		entries = append(entries, entry)
	}
	for _, e := range entries {
		d.Store.Record(e)
	}
	return None{}, nil
}
