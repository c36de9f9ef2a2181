package demographics

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"nems/internal/nhs"
)

// Edit says what to change of a record. Empty fields leave it as it is.
type Edit struct {
	Family string   `json:"family,omitempty" jsonschema:"the usual family name"`
	Given  []string `json:"given,omitempty" jsonschema:"the usual given names, one item each"`
	Prefix []string `json:"prefix,omitempty" jsonschema:"the titles of the usual name"`
	Gender string   `json:"gender,omitempty" jsonschema:"male, female, other or unknown"`
	// BirthDate corrects the day of birth.
	BirthDate string `json:"birthDate,omitempty" jsonschema:"YYYY-MM-DD"`

	// Postcode and Lines are the new home: whoever moves gives both. UPRN is its
	// property reference.
	Postcode string   `json:"postcode,omitempty" jsonschema:"the postcode of the new home"`
	Lines    []string `json:"lines,omitempty" jsonschema:"the lines of the new home's address, at most five, in PDS's order"`
	UPRN     string   `json:"uprn,omitempty" jsonschema:"the property reference number of the new home"`

	Phone string `json:"phone,omitempty" jsonschema:"the mobile phone number; - removes it"`
	Email string `json:"email,omitempty" jsonschema:"the email address; - removes it"`

	// Practice registers the patient there. Left takes them off the list; Removal may
	// say why.
	Practice nhs.ODSCode `json:"practice,omitempty" jsonschema:"the GP practice that registers the patient"`
	Left     bool        `json:"left,omitempty" jsonschema:"the patient is registered nowhere any more"`
	Removal  string      `json:"removal,omitempty" jsonschema:"why: DEA death, EMB embarkation, SCT Scotland, NIT Northern Ireland, TRA transferred, ORR other"`
	Pharmacy nhs.ODSCode `json:"pharmacy,omitempty" jsonschema:"the nominated pharmacy"`

	Language string `json:"language,omitempty" jsonschema:"the code of the patient's language, such as fr"`

	Death   string `json:"death,omitempty" jsonschema:"1 informal, 2 formal, U removed: the notification of the patient's death"`
	DeathAt string `json:"deathAt,omitempty" jsonschema:"the day or the time of death; by default today"`

	Sensitive *bool `json:"sensitive,omitempty" jsonschema:"set or remove the flag S: nothing is published about the patient"`
	Invalid   *bool `json:"invalid,omitempty" jsonschema:"set or remove the flag I: the record does not stand for a person"`
	// SupersededBy merges the record into another one.
	SupersededBy string `json:"supersededBy,omitempty" jsonschema:"the NHS number under which the patient is known now"`
}

// Apply changes the record as of a moment. Errors are *InvalidError.
func (e *Edit) Apply(r *Record, now time.Time) error {
	for _, part := range []func(*Record, time.Time) error{e.person, e.home, e.reached, e.registration, e.death, e.flags} {
		if err := part(r, now); err != nil {
			return err
		}
	}
	return nil
}

func (e *Edit) person(r *Record, _ time.Time) error {
	name := r.Usual()
	if name == nil {
		r.Names = append(r.Names, Name{ID: nextID(r.Names, func(n Name) string { return n.ID }), Use: "usual"})
		name = &r.Names[len(r.Names)-1]
	}
	set(&name.Family, e.Family)
	if len(e.Given) > 0 {
		name.Given = slices.Clone(e.Given)
	}
	if len(e.Prefix) > 0 {
		name.Prefix = slices.Clone(e.Prefix)
	}
	set(&r.Gender, e.Gender)
	set(&r.BirthDate, e.BirthDate)
	set(&r.Language, e.Language)
	return nil
}

// home moves the patient. The address keeps its id: PDS has one home, whose content
// changes.
func (e *Edit) home(r *Record, now time.Time) error {
	if e.Postcode == "" && len(e.Lines) == 0 {
		return nil
	}
	to := Address{Use: "home", Lines: slices.Clone(e.Lines), Postcode: e.Postcode, UPRN: e.UPRN, Period: Period{Start: now.UTC().Format(time.DateOnly)}}
	if len(to.Lines) == 0 {
		to.Lines = []string{unknownLine}
	}
	if to.Postcode == "" {
		return &InvalidError{"postcode", "the postcode of the new home, with its lines", ""}
	}
	home := r.Home()
	if home == nil {
		to.ID = nextID(r.Addresses, func(a Address) string { return a.ID })
		r.Addresses = append(r.Addresses, to)
		return nil
	}
	to.ID = home.ID
	*home = to
	return nil
}

func (e *Edit) reached(r *Record, _ time.Time) error {
	for _, t := range []struct{ value, system, use string }{{e.Phone, "phone", "mobile"}, {e.Email, "email", "home"}} {
		if t.value == "" {
			continue
		}
		is := func(have Telecom) bool { return have.System == t.system && have.Use == t.use }
		i := slices.IndexFunc(r.Telecoms, is)
		switch {
		case t.value == "-":
			r.Telecoms = slices.DeleteFunc(r.Telecoms, is)
		case i >= 0:
			r.Telecoms[i].Value = t.value
		default:
			r.Telecoms = append(r.Telecoms, Telecom{ID: nextID(r.Telecoms, func(t Telecom) string { return t.ID }), System: t.system, Use: t.use, Value: t.value})
		}
	}
	return nil
}

func (e *Edit) registration(r *Record, now time.Time) error {
	set(&r.Pharmacy, e.Pharmacy)
	today := now.UTC().Format(time.DateOnly)
	switch {
	case e.Practice != "" && e.Left:
		return &InvalidError{"practice", "a practice, or that the patient has left: not both", string(e.Practice)}
	case e.Practice != "" && e.Practice == r.PracticeCode(): // nothing differs
	case e.Practice != "":
		r.Practice, r.Removal = &Registration{ID: "1", Practice: e.Practice, Start: today}, nil
	case e.Left && r.Practice == nil:
		return &InvalidError{"left", "a patient who is registered with a practice", ""}
	case e.Left:
		r.Practice = nil
		if e.Removal != "" {
			r.Removal = &Removal{Reason: e.Removal, At: today}
		}
	case e.Removal != "":
		return &InvalidError{"removal", "a reason only where the patient leaves a practice", e.Removal}
	}
	return nil
}

// death follows what can happen to a notification: an informal one becomes formal,
// and either is removed, after which another may come.
func (e *Edit) death(r *Record, now time.Time) error {
	was := r.deathStatus()
	switch {
	case e.Death == "" && e.DeathAt == "":
		return nil
	case e.Death == "" && (was == "" || was == RemovedDeath):
		return &InvalidError{"deathAt", "a time of death only with a notification, or after one", ""}
	case e.Death == RemovedDeath && (was == "" || was == RemovedDeath):
		return &InvalidError{"death", "a patient whose death was notified", e.Death}
	case e.Death == InformalDeath && was == FormalDeath:
		return &InvalidError{"death", "a formal notification is removed (U) before an informal one", e.Death}
	}
	to := Death{Status: e.Death, At: e.DeathAt, Effective: now.UTC().Truncate(time.Second)}
	if e.Death == "" || e.Death == was {
		to.Status, to.Effective = was, r.Death.Effective
	}
	switch {
	case to.Status == RemovedDeath:
	case to.At == "" && was != "" && was != RemovedDeath:
		to.At = r.Death.At
	case to.At == "":
		to.At = now.UTC().Format(time.DateOnly)
	}
	r.Death = &to
	return nil
}

func (e *Edit) flags(r *Record, _ time.Time) error {
	if e.Sensitive != nil {
		r.Sensitive = *e.Sensitive
	}
	if e.Invalid != nil {
		r.Invalid = *e.Invalid
	}
	if e.SupersededBy == "" {
		return nil
	}
	other, err := nhs.ParseNHSNumber(e.SupersededBy)
	switch {
	case err != nil:
		return &InvalidError{"supersededBy", "an NHS number: " + err.Error(), ""}
	case other == r.NHSNumber:
		return &InvalidError{"supersededBy", "the number of another record", ""}
	}
	r.SupersededBy = other
	return nil
}

func set[T ~string](to *T, value T) {
	if value != "" {
		*to = value
	}
}

// nextID is an id that no item of a list has.
func nextID[E any](all []E, id func(E) string) string {
	largest := 0
	for _, e := range all {
		n, _ := strconv.Atoi(strings.TrimSpace(id(e)))
		largest = max(largest, n)
	}
	return strconv.Itoa(largest + 1)
}
