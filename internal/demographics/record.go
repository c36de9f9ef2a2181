// Package demographics holds what is known about patients, and says which events a
// change of that makes. It stands in for PDS where a service has no other: on a
// laptop, in a test environment, in a country whose operator keeps the records
// themselves.
//
// A record changes as a whole: somebody edits a copy, and the difference between
// the two decides which events there are (Diff). Sources: the pages pds_* of the
// specification, and PDS's FHIR API, whose terms and limits the fields follow.
package demographics

import (
	"slices"
	"time"

	"nems/internal/nhs"
)

// Record is what is known about one patient, in one version. A Record is a value:
// Clone it before changing what its slices hold.
type Record struct {
	NHSNumber nhs.NHSNumber `json:"-"`
	// SCN is the serial change number, which every change increases by one. It is
	// the versionId of messages, and 0 for a record that is not stored yet.
	SCN int64 `json:"-"`
	// Updated is when the version was made: meta.lastUpdated of its messages.
	Updated time.Time `json:"-"`
	// SupersededBy is the number under which the patient is known now. Everything
	// else then says what was known last under the old one.
	SupersededBy nhs.NHSNumber `json:"-"`

	Names  []Name `json:"names,omitzero"`
	Gender string `json:"gender,omitzero"` // male, female, other, unknown
	// BirthDate is YYYY-MM-DD, "" if not known. BirthTime is the dateTime, of those
	// whose birth was notified here.
	BirthDate string `json:"birthDate,omitzero"`
	BirthTime string `json:"birthTime,omitzero"`
	// BirthOrder is multipleBirthInteger: 1 to 7, 8 not applicable, 9 not known; 0
	// where nothing was said.
	BirthOrder int    `json:"birthOrder,omitzero"`
	Ethnicity  string `json:"ethnicity,omitzero"` // code of CareConnect-EthnicCategory-1
	// Birthplace is where the patient was born; nil if that is not known.
	Birthplace *Birthplace `json:"birthplace,omitzero"`

	Addresses []Address  `json:"addresses,omitzero"`
	Telecoms  []Telecom  `json:"telecoms,omitzero"`
	Contacts  []Contact  `json:"contacts,omitzero"`
	Relatives []Relative `json:"relatives,omitzero"`

	// Practice is where the patient is registered; nil means nowhere. Removal then
	// may say why not.
	Practice *Registration `json:"practice,omitzero"`
	Removal  *Removal      `json:"removal,omitzero"`
	// Managing is the practice of a temporary registration, which makes no change of GP.
	Managing nhs.ODSCode `json:"managing,omitzero"`

	// Pharmacy, Dispenser and Appliances are whom the patient has nominated.
	Pharmacy   nhs.ODSCode `json:"pharmacy,omitzero"`
	Dispenser  nhs.ODSCode `json:"dispenser,omitzero"`
	Appliances nhs.ODSCode `json:"appliances,omitzero"`

	Language    string `json:"language,omitzero"` // code, such as fr
	Interpreter bool   `json:"interpreter,omitzero"`
	// Preferences are how the patient wants to be reached.
	Preferences *Preferences `json:"preferences,omitzero"`

	Death *Death `json:"death,omitzero"`

	// Sensitive is the flag S: nothing is published about the patient. Invalid is
	// the flag I: the record does not stand for a person.
	Sensitive bool `json:"sensitive,omitzero"`
	Invalid   bool `json:"invalid,omitzero"`
}

// Name is a name of a patient. ID tells the items of one list apart, as PDS's
// object ids do.
type Name struct {
	ID     string   `json:"id,omitzero"`
	Use    string   `json:"use"` // usual, temp, nickname, old, maiden
	Prefix []string `json:"prefix,omitzero"`
	Given  []string `json:"given,omitzero"`
	Family string   `json:"family"`
	Suffix []string `json:"suffix,omitzero"`
	Period
}

// Address is where a patient lives or gets bills. Lines are PDS's five at most, in
// their order, with the blank ones that PDS has.
type Address struct {
	ID       string   `json:"id,omitzero"`
	Use      string   `json:"use"` // home, temp, billing
	Lines    []string `json:"lines,omitzero"`
	Postcode string   `json:"postcode,omitzero"`
	UPRN     string   `json:"uprn,omitzero"` // unique property reference number
	PAF      string   `json:"paf,omitzero"`  // Royal Mail's key of the address
	Text     string   `json:"text,omitzero"` // a note on a temporary address
	Period
}

// Telecom is a way to reach the patient.
type Telecom struct {
	ID     string `json:"id,omitzero"`
	System string `json:"system"` // phone, fax, email, other
	Use    string `json:"use"`    // home, work, temp, mobile
	Value  string `json:"value"`
	Period
}

// Contact is whom to call in an emergency.
type Contact struct {
	ID   string `json:"id,omitzero"`
	Name string `json:"name,omitzero"`
	// System is phone, email or other; "" means phone. Phone is the number or
	// address in it.
	System string `json:"system,omitzero"`
	Phone  string `json:"phone"`
	Period
}

// Birthplace is where a patient was born. At least one of its fields is set.
type Birthplace struct {
	City     string `json:"city,omitzero"`
	District string `json:"district,omitzero"` // county
	Country  string `json:"country,omitzero"`  // ISO 3166-1, three letters, or a code of PDS for a part of the UK
}

// Preferences are how a patient wants to be reached, in PDS's codes.
type Preferences struct {
	Format string `json:"format,omitzero"` // of letters: 11 large print, 12 braille, 13 audio tape
	Method string `json:"method,omitzero"` // 1 letter, 2 visit, 3 telephone, 4 e-mail, ...
	Times  string `json:"times,omitzero"`  // when, in words
}

// Relative is a person whom the record names.
type Relative struct {
	ID string `json:"id,omitzero"`
	// NHSNumber is "" for a relative who is not a patient here.
	NHSNumber string `json:"nhsNumber,omitzero"`
	Family    string `json:"family,omitzero"`
	Given     string `json:"given,omitzero"`
	// Relationship is a code of v3-RoleCode, such as NMTH for the natural mother.
	Relationship string `json:"relationship"`
}

// Registration is a patient's registration with a GP practice.
type Registration struct {
	ID       string      `json:"id,omitzero"`
	Practice nhs.ODSCode `json:"practice"`
	Start    string      `json:"start,omitzero"` // YYYY-MM-DD
}

// Removal is why and when a patient was taken off a practice's list.
type Removal struct {
	// Reason is a code of PDS's RemovalFromRegistration: DEA death, EMB embarkation,
	// SCT Scotland, NIT Northern Ireland, TRA transferred, ORR other.
	Reason string `json:"reason"`
	At     string `json:"at,omitzero"` // YYYY-MM-DD
}

// Death is what was notified of a death. While the status is removed, At is "".
type Death struct {
	Status string `json:"status"`
	At     string `json:"at,omitzero"` // date or dateTime
	// Effective is when the status was set.
	Effective time.Time `json:"effective,omitzero"`
}

// The statuses of a death notification (CareConnect-DeathNotificationStatus-1).
const (
	InformalDeath = "1" // by a GP or a trust
	FormalDeath   = "2" // by a registrar, or a maternity unit for a stillbirth
	RemovedDeath  = "U"
)

// Period is when something counts: days (YYYY-MM-DD), both included. "" is open.
type Period struct {
	Start string `json:"start,omitzero"`
	End   string `json:"end,omitzero"`
}

// Clone returns a copy that shares nothing with r. Empty lists become nil.
func (r Record) Clone() Record {
	r.Names, r.Addresses, r.Telecoms = list(r.Names), list(r.Addresses), list(r.Telecoms)
	r.Contacts, r.Relatives = list(r.Contacts), list(r.Relatives)
	for i := range r.Names {
		n := &r.Names[i]
		n.Prefix, n.Given, n.Suffix = list(n.Prefix), list(n.Given), list(n.Suffix)
	}
	for i := range r.Addresses {
		r.Addresses[i].Lines = list(r.Addresses[i].Lines)
	}
	r.Practice, r.Removal, r.Death = copied(r.Practice), copied(r.Removal), copied(r.Death)
	r.Birthplace, r.Preferences = copied(r.Birthplace), copied(r.Preferences)
	return r
}

func list[T any](all []T) []T {
	if len(all) == 0 {
		return nil
	}
	return slices.Clone(all)
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}

// Usual returns the name by which the patient is known.
func (r *Record) Usual() *Name { return ofUse(r.Names, func(n *Name) string { return n.Use }, "usual") }

// Home returns where the patient lives; nil if that is not known.
func (r *Record) Home() *Address {
	return ofUse(r.Addresses, func(a *Address) string { return a.Use }, "home")
}

func ofUse[E any](all []E, use func(*E) string, wanted string) *E {
	for i := range all {
		if use(&all[i]) == wanted {
			return &all[i]
		}
	}
	return nil
}

// PracticeCode is the code of the patient's practice, "" without one.
func (r *Record) PracticeCode() nhs.ODSCode {
	if r.Practice == nil {
		return ""
	}
	return r.Practice.Practice
}

// Withheld reports whether nothing may be published about the patient (decision 13).
func (r *Record) Withheld() bool { return r.Sensitive || r.Invalid }
