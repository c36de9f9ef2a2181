package devworld

import (
	"context"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"nems/internal/directory"
	"nems/internal/nhs"
)

func seeded(t *testing.T) *World {
	t.Helper()
	w, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func number(t *testing.T, digits string) nhs.NHSNumber {
	t.Helper()
	n, err := nhs.ParseNHSNumber(digits)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Facts that users, and tests of other packages, rely on.
func TestWhatOthersRelyOn(t *testing.T) {
	w, ctx := seeded(t), t.Context()
	jack := directory.Patient{
		NHSNumber: number(t, "9912003888"), Family: "DAWKINS", Given: []string{"Jack"},
		BirthDate: time.Date(2017, 10, 2, 0, 0, 0, 0, time.UTC), Postcode: "LS17 7DF", GP: "B86056",
	}
	if got, err := w.Patient(ctx, jack.NHSNumber); err != nil || !reflect.DeepEqual(got, jack) {
		t.Errorf("Jack is %+v, %v", got, err)
	}
	if got, err := w.Organisation(ctx, "B86056"); err != nil || got.SubICB != "02V" || !got.Practice || got.Closed {
		t.Errorf("his practice is %+v, %v", got, err)
	}
	for postcode, want := range map[string]directory.Places{
		"ls177df":  {SubICB: "15F", LocalAuthority: "E08000035", Country: "E92000001"},
		"WF14 0BQ": {SubICB: "X2C4Y", LocalAuthority: "E08000034", Country: "E92000001"},
	} {
		if got, err := w.Places(ctx, postcode); err != nil || got != want {
			t.Errorf("%s is in %+v, %v", postcode, got, err)
		}
	}
	for _, code := range []nhs.ODSCode{"A83627", "B86056", "B85612", "E82025", "02V", "03J", "15F", "X2C4Y", "X2458", "RR8", "X26", "RX3EP"} {
		if _, err := w.Organisation(ctx, code); err != nil {
			t.Errorf("%s: %v", code, err)
		}
	}
	if _, err := w.Patient(ctx, number(t, "9990000018")); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("9990000018: %v", err)
	}
	if _, err := w.Organisation(ctx, "Z99999"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("Z99999: %v", err)
	}
	if _, err := w.Places(ctx, "nowhere"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("nowhere: %v", err)
	}
}

func TestSuperseded(t *testing.T) {
	w, ctx := seeded(t), t.Context()
	old, current := number(t, "9990000042"), number(t, "9990000050")
	want, err := w.Patient(ctx, current)
	if err != nil || !want.SupersededBy.IsZero() {
		t.Fatalf("%+v, %v", want, err)
	}
	want.NHSNumber, want.SupersededBy = old, current
	if got, err := w.Patient(ctx, old); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the superseded number gives %+v, %v", got, err)
	}
	// One number superseded twice, and one superseded by a missing record.
	oldest, lost := number(t, "9990000271"), number(t, "9990000298")
	if err := w.PutPatients(ctx, []directory.Patient{
		{NHSNumber: oldest, SupersededBy: old}, {NHSNumber: lost, SupersededBy: number(t, "9990000018")},
	}); err != nil {
		t.Fatal(err)
	}
	if got, err := w.Patient(ctx, oldest); err != nil || got.SupersededBy != current || got.NHSNumber != oldest || got.Family != want.Family {
		t.Errorf("superseded twice: %+v, %v", got, err)
	}
	if _, err := w.Patient(ctx, lost); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("superseded by nothing: %v", err)
	}
}

func TestAway(t *testing.T) {
	w, ctx := seeded(t), t.Context()
	w.SetAway(true)
	if _, err := w.Patient(ctx, number(t, "9912003888")); !errors.Is(err, directory.ErrAway) {
		t.Errorf("Patient: %v", err)
	}
	w.SetAway(false)
	if _, err := w.Patient(ctx, number(t, "9912003888")); err != nil {
		t.Errorf("Patient: %v", err)
	}
}

func TestSystemsAndMailboxes(t *testing.T) {
	w := seeded(t)
	owners := map[string]bool{}
	for _, b := range Mailboxes() {
		owners[string(b.ODS)] = true
		if b.ID == "" || b.Name == "" || b.Password != Password {
			t.Errorf("mailbox %+v", b)
		}
	}
	for _, s := range Systems() {
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", s.ASID, err)
		}
		got, found, err := w.System(t.Context(), s.ASID)
		if !found || err != nil || !reflect.DeepEqual(got.System, s) {
			t.Errorf("System(%s) = %+v, %t, %v", s.ASID, got, found, err)
		}
		if len(s.Mailboxes) > 0 && !owners[string(s.ODSCodes[0])] {
			t.Errorf("%s subscribes but its organisation has no mailbox", s.ASID)
		}
		if _, err := w.Organisation(t.Context(), s.ODSCodes[0]); err != nil {
			t.Errorf("the organisation of %s: %v", s.ASID, err)
		}
	}
	if _, found, err := w.System(t.Context(), NEMS); found || err != nil {
		t.Errorf("the NEMS is no caller: %t, %v", found, err)
	}
}

// docs/dev-world.md lists the whole world.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/dev-world.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := func(text string) {
		if text != "" && !strings.Contains(string(page), text) {
			t.Errorf("docs/dev-world.md does not mention %s", text)
		}
	}
	w := seeded(t)
	for n, p := range w.patients {
		listed("`" + n.Digits() + "`")
		listed(p.Family)
		if !p.BirthDate.IsZero() {
			listed(" " + p.BirthDate.Format(time.DateOnly) + " ")
		}
		listed(p.Postcode)
		listed(string(p.GP))
	}
	for code := range w.organisations {
		listed("`" + string(code) + "`")
	}
	for postcode, places := range w.postcodes {
		listed(postcode)
		listed(places.Country)
	}
	for _, s := range Systems() {
		listed("`" + string(s.ASID) + "`")
	}
	for _, b := range Mailboxes() {
		listed("`" + b.ID + "`")
	}
}

// broken fails every put.
type broken struct{ *World }

func (broken) PutPatients(context.Context, []directory.Patient) error { return directory.ErrAway }

func TestSeedReportsTheSink(t *testing.T) {
	if err := Seed(t.Context(), broken{seeded(t)}); !errors.Is(err, directory.ErrAway) {
		t.Errorf("Seed = %v", err)
	}
}
