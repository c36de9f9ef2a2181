// Package scenario says what happens to whom and when: a language in YAML, and the
// national mix for a world. Both come to a list of happenings, which somebody else
// performs (docs/scenarios.md).
package scenario

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// Happening is one thing that happens to one patient at one moment. It is plain
// data: the same file, world and seed make the same bytes of JSON.
type Happening struct {
	// Sequence counts the happenings from 1, in the order of their moments.
	Sequence int `json:"sequence"`
	// ID is a UUID that follows from the seed and the sequence. It serves as the
	// id of the request, so that a repeated run repeats its requests.
	ID string    `json:"id"`
	At time.Time `json:"at"` // UTC
	// Line and Column say where in the scenario it is written, from 1. Both are 0
	// if it is in no file, as in a generated week.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Patient is whom it happens to, as the record is just before. For Born and
	// Added it is the record that comes into being.
	Patient Patient `json:"patient"`
	Deed    Deed    `json:"-"` // in JSON: "deed" (its name) and "detail"
}

// Patient is what a message needs of a patient's record.
type Patient struct {
	NHSNumber string   `json:"nhsNumber"` // ten digits
	Family    string   `json:"family"`
	Given     []string `json:"given"`
	Gender    string   `json:"gender"`             // male, female, other, unknown
	BirthDate string   `json:"birthDate"`          // YYYY-MM-DD
	Address   Address  `json:"address"`            // home
	Practice  string   `json:"practice,omitempty"` // ODS code of the GP practice; "" means registered nowhere
	Phone     string   `json:"phone,omitempty"`
	Email     string   `json:"email,omitempty"`
	Sensitive bool     `json:"sensitive,omitempty"` // flag S
	// Mother is the NHS number of the patient's mother, if she is known.
	Mother string `json:"mother,omitempty"`
}

// Address is a home address as PDS holds it: up to five lines without a split into
// city and district, and the postcode ("LS17 7DF").
type Address struct {
	Lines    []string `json:"lines"`
	Postcode string   `json:"postcode"`
}

// Organisation is a provider of care.
type Organisation struct {
	Code string `json:"code"` // ODS code
	Name string `json:"name"`
}

// Deed is what happens. The set is closed: the types of demographicdeeds.go are
// changes of the patient's PDS record, those of providerdeeds.go are published by
// providers.
type Deed interface {
	// Name is the deed's name in JSON and in reports, such as "moved".
	Name() string
	// Demographic reports whether the deed is a change of the PDS record.
	Demographic() bool
}

// demographic and provided are embedded in deeds of their kind.
type (
	demographic struct{}
	provided    struct{}
)

func (demographic) Demographic() bool { return true }
func (provided) Demographic() bool    { return false }

// Deeds holds one empty deed of each type.
func Deeds() []Deed {
	return []Deed{
		Added{}, Born{}, Died{}, DeathRemoved{}, Moved{}, Registered{}, Deregistered{}, Renamed{}, TelecomChanged{},
		Corrected{}, Flagged{}, Invalidated{}, Merged{},
		Vaccinated{}, Contact{}, BloodSpot{}, NewbornHearing{}, NIPE{},
	}
}

// written is a happening in JSON.
type written struct {
	*plainHappening
	Deed   string          `json:"deed"`
	Detail json.RawMessage `json:"detail"`
}

type plainHappening Happening

// MarshalJSON writes the deed's name and the deed itself after the other fields.
func (h Happening) MarshalJSON() ([]byte, error) {
	if h.Deed == nil {
		return nil, fmt.Errorf("scenario: happening %d has no deed", h.Sequence)
	}
	detail, err := json.Marshal(h.Deed)
	if err != nil {
		return nil, err
	}
	return json.Marshal(written{(*plainHappening)(&h), h.Deed.Name(), detail})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (h *Happening) UnmarshalJSON(text []byte) error {
	w := written{plainHappening: (*plainHappening)(h)}
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	for _, d := range Deeds() {
		if d.Name() != w.Deed {
			continue
		}
		read := reflect.New(reflect.TypeOf(d))
		if err := json.Unmarshal(w.Detail, read.Interface()); err != nil {
			return fmt.Errorf("scenario: the detail of %s: %w", w.Deed, err)
		}
		h.Deed, _ = read.Elem().Interface().(Deed)
		return nil
	}
	return fmt.Errorf("scenario: there is no deed %q", w.Deed)
}
