package scenario

import "time"

// Added is a new record that is not a birth: an immigrant, or somebody who was
// never registered before.
type Added struct{ demographic }

// Name implements Deed.
func (Added) Name() string { return "added" }

// Born is the registration of a birth; the patient is the baby.
type Born struct {
	demographic
	// Mother is the mother's record; nil if she is not known.
	Mother *Patient  `json:"mother,omitempty"`
	Time   time.Time `json:"time"` // of birth
	// Order is the place of the baby in a multiple birth, from 1; Births is how
	// many there were.
	Order          int    `json:"order"`
	Births         int    `json:"births"`
	WeightGrams    int    `json:"weightGrams"`
	GestationWeeks int    `json:"gestationWeeks"`
	Abnormality    bool   `json:"abnormality,omitempty"` // a congenital one is suspected
	EthnicCategory string `json:"ethnicCategory"`        // of CareConnect-EthnicCategory-1: A to S, Z not stated
	// RegisteringAuthority is where the birth was registered, usually the
	// hospital. ChildHealth looks after the child from now on.
	RegisteringAuthority Organisation `json:"registeringAuthority"`
	ChildHealth          Organisation `json:"childHealth"`
}

// Name implements Deed.
func (Born) Name() string { return "born" }

// The statuses of a death notification (CareConnect-DeathNotificationStatus-1).
const (
	Informal = "1" // by a GP or a trust
	Formal   = "2" // by the registrar
)

// Died is a death notification. A second one with status 2 may follow one with
// status 1; with the same status and another time only the time changes.
type Died struct {
	demographic
	Status string    `json:"status"` // Informal or Formal
	Time   time.Time `json:"time"`   // of death
}

// Name implements Deed.
func (Died) Name() string { return "died" }

// DeathRemoved takes a death notification back (status U).
type DeathRemoved struct{ demographic }

// Name implements Deed.
func (DeathRemoved) Name() string { return "death-removed" }

// Moved is a new home address. If To differs from the patient's address only in
// layout, a system has written the same address back.
type Moved struct {
	demographic
	To Address `json:"to"`
}

// Name implements Deed.
func (Moved) Name() string { return "moved" }

// Registered is a registration with a GP practice; Happening.Patient.Practice is the
// former one.
type Registered struct {
	demographic
	Practice string `json:"practice"` // ODS code
}

// Name implements Deed.
func (Registered) Name() string { return "registered" }

// Deregistered ends the registration with the patient's practice.
type Deregistered struct {
	demographic
	// Reason is a code of PDS's RemovalFromRegistration: DEA death, EMB
	// embarkation, SCT Scotland, NIT Northern Ireland, TRA transferred, ORR other.
	Reason string `json:"reason"`
}

// Name implements Deed.
func (Deregistered) Name() string { return "deregistered" }

// Renamed is a new name. An empty part stays as it was.
type Renamed struct {
	demographic
	Family string   `json:"family,omitempty"`
	Given  []string `json:"given,omitempty"`
}

// Name implements Deed.
func (Renamed) Name() string { return "renamed" }

// TelecomChanged is a new phone number or email address. An empty part stays as it
// was.
type TelecomChanged struct {
	demographic
	Phone string `json:"phone,omitempty"`
	Email string `json:"email,omitempty"`
}

// Name implements Deed.
func (TelecomChanged) Name() string { return "telecom-changed" }

// Corrected is a correction of what was wrong from the beginning. An empty part
// stays as it was.
type Corrected struct {
	demographic
	Gender    string `json:"gender,omitempty"`
	BirthDate string `json:"birthDate,omitempty"` // YYYY-MM-DD
}

// Name implements Deed.
func (Corrected) Name() string { return "corrected" }

// Flagged sets or removes the flag S (sensitive: access is restricted).
type Flagged struct {
	demographic
	Set bool `json:"set"`
}

// Name implements Deed.
func (Flagged) Name() string { return "flagged" }

// Invalidated makes the record invalid (flag I).
type Invalidated struct{ demographic }

// Name implements Deed.
func (Invalidated) Name() string { return "invalidated" }

// Merged supersedes the patient's number by another one.
type Merged struct {
	demographic
	Into string `json:"into"` // NHS number
}

// Name implements Deed.
func (Merged) Name() string { return "merged" }
