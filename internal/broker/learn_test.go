package broker_test

import (
	"context"
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/audit"
	"nems/internal/catalogue/example"
	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/internal/refuse"
	"nems/internal/store"
)

// recordingDirectory is a directory that remembers what it was taught.
type recordingDirectory struct {
	taught []directory.Change
	mark   int64
	fails  error
	same   bool // no change has an effect
}

func (p *recordingDirectory) Learn(_ context.Context, changes []directory.Change) (int, error) {
	if p.fails != nil {
		return 0, p.fails
	}
	p.taught = append(p.taught, changes...)
	if p.same {
		return 0, nil
	}
	return len(changes), nil
}

func (p *recordingDirectory) Mark(context.Context) (int64, error) { return p.mark, nil }

func (p *recordingDirectory) SetMark(_ context.Context, mark int64) error {
	p.mark = mark
	return nil
}

// PatientChanges implements broker.Journal: all waiting events, in pages of one.
func (j *journal) PatientChanges(_ context.Context, from int64, _ int) (store.PatientChanges, error) {
	if int(from) >= len(j.waiting) {
		return store.PatientChanges{Mark: from}, nil
	}
	return store.PatientChanges{Events: []store.EventID{store.EventID(from + 1)}, Next: from + 1, Mark: from + 1}, nil
}

// taught is a fixture whose directory learns, and what the audit says of that.
func taught(t *testing.T) (fx fixture, p *recordingDirectory, entries *[]audit.Entry) {
	t.Helper()
	fx, p, entries = newFixture(t), &recordingDirectory{}, &[]audit.Entry{}
	fx.Learner, fx.Record = p, func(e audit.Entry) { *entries = append(*entries, e) }
	return fx, p, entries
}

var (
	practiceNamed = regexp.MustCompile(`<generalPractitioner>.*?</generalPractitioner>`)
	updated       = regexp.MustCompile(`<lastUpdated value="[^"]*"/>`)
	bornYesterday = regexp.MustCompile(`<birthDate value="[^"]*">`)
)

// Each event of the Spine teaches the directory what it carries about its
// patients. No other event does.
func TestWhatEventsTeach(t *testing.T) {
	about := example.Patient{NHSNumber: jack, Family: "DAWKINS", Given: "Jack", BirthDate: "2017-10-02", Postcode: "EX2 5SE", Practice: newPractice}
	mother := example.Patient{NHSNumber: other, Family: "FARROW", Given: "Grace", BirthDate: "1990-04-05", Postcode: "EX2 5SE", Practice: newPractice, Baby: "9990000212"}
	at, born := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), time.Date(2017, 10, 2, 0, 0, 0, 0, time.UTC)
	record := directory.Change{NHSNumber: number(t, jack), At: directory.Version{LastUpdated: at, SCN: 7}, Family: "DAWKINS", Given: []string{"Jack"}, BirthDate: born}
	with := func(change func(*directory.Change)) []directory.Change {
		c := record
		change(&c)
		return []directory.Change{c}
	}
	practice := with(func(c *directory.Change) { c.GP = newPractice })
	for name, test := range map[string]struct {
		publisher nhs.ASID
		code      string
		about     example.Patient
		change    func([]byte) []byte
		want      []directory.Change
	}{
		"change of GP": {demographics, changeOfGP, about, nil, practice},
		"suspension": {demographics, changeOfGP, about, func(m []byte) []byte { return practiceNamed.ReplaceAll(m, nil) },
			with(func(c *directory.Change) { c.Left = true })},
		"change of address": {demographics, "pds-change-of-address-1", about, nil, with(func(c *directory.Change) { c.Postcode = "EX2 5SE" })},
		"record change":     {demographics, "pds-record-change-1", about, nil, with(func(*directory.Change) {})},
		"death":             {demographics, "pds-death-notification-1", about, nil, with(func(*directory.Change) {})},
		"birth": {demographics, "pds-birth-notification-1", mother, nil, []directory.Change{
			{NHSNumber: number(t, other), At: record.At, Family: "FARROW", Given: []string{"Grace"}, BirthDate: time.Date(1990, 4, 5, 0, 0, 0, 0, time.UTC), GP: newPractice},
			{NHSNumber: number(t, "9990000212"), At: directory.Version{LastUpdated: at, SCN: 1}, Family: "FARROW", Given: []string{"Baby"}, BirthDate: born, Postcode: "EX2 5SE"},
		}},
		"vaccination":                       {publisher, vaccinations, example.Patient{}, nil, nil},
		"change of GP by another publisher": {publisher, changeOfGP, about, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			fx, p, entries := taught(t)
			message := updated.ReplaceAll(fx.messageAbout(test.code, test.about), []byte(`<lastUpdated value="2026-03-01T13:00:00+01:00"/>`))
			message = bornYesterday.ReplaceAll(message, []byte(`<birthDate value="2017-10-02">`))
			if test.change != nil {
				message = test.change(message)
			}
			err := fx.publishAs(test.publisher, test.code, message)
			var refused *refuse.Refusal
			if err != nil && !errors.As(err, &refused) {
				t.Fatal(err)
			}
			same := cmp.Comparer(func(a, b nhs.NHSNumber) bool { return a == b })
			if diff := cmp.Diff(test.want, p.taught, same); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := len(*entries); got != min(len(test.want), 1) {
				t.Errorf("%d entries of the audit", got)
			}
			for _, e := range *entries {
				if e.Action != "directory" || e.EventType != test.code || e.Patient != number(t, test.about.NHSNumber) || int(e.Count) != len(test.want) {
					t.Errorf("the entry is %s of %s, %d records", e.Action, e.EventType, e.Count)
				}
			}
		})
	}
}

// A change without effect leaves no audit entry.
func TestNothingLearntIsNotAudited(t *testing.T) {
	fx, p, entries := taught(t)
	p.same = true
	if err := fx.publishAs(demographics, changeOfGP, fx.message(changeOfGP, jack)); err != nil || len(p.taught) != 1 || len(*entries) != 0 {
		t.Errorf("%v, %d changes, %d entries", err, len(p.taught), len(*entries))
	}
}

// If the directory cannot learn, publishing still succeeds: the event is
// stored, and taught again until it is learnt.
func TestLearningIsMadeGood(t *testing.T) {
	fx, p, _ := taught(t)
	p.fails = errors.New("the disk is full")
	if err := fx.publishAs(demographics, changeOfGP, fx.message(changeOfGP, jack)); err != nil {
		t.Errorf("publish: %v", err)
	}
	for n := range store.EventID(3) {
		fx.journal.waiting[n+1] = fx.message(changeOfGP, jack)
	}
	if learnt, err := fx.CatchUp(t.Context()); err == nil || learnt != 0 || p.mark != 0 {
		t.Errorf("while it fails: %d events, mark %d, %v", learnt, p.mark, err)
	}
	p.fails = nil
	if learnt, err := fx.CatchUp(t.Context()); err != nil || learnt != 3 || p.mark != 3 || len(p.taught) != 3 {
		t.Errorf("afterwards: %d events, mark %d, %v", learnt, p.mark, err)
	}
	if learnt, err := fx.CatchUp(t.Context()); err != nil || learnt != 0 {
		t.Errorf("again: %d events, %v", learnt, err)
	}
}
