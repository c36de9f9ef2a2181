package operator_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/directory"
	"nems/internal/mesh"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/store"
	"nems/internal/store/storetest"
	"nems/internal/subscription"
)

// told takes a whole story in pages of a size.
func told(t *testing.T, d operator.Face, f operator.StoryFilter, limit int) []operator.StoryEntry {
	t.Helper()
	f.Reason = "a test"
	q := operator.Matching(f)
	q.Limit = limit
	entries := all(t, operator.Each(t.Context(), d, operator.TellPatient, q))
	if limit == 0 && !slices.IsSortedFunc(entries, func(a, b operator.StoryEntry) int { return a.At.Compare(b.At) }) {
		t.Error("the story is not in the order of time")
	}
	return entries
}

// Every entry of the audit about a patient is told exactly once and nobody else's,
// whatever the pages, and whether the entries are filed by patient or not.
func TestStoryHasEveryEntryOnce(t *testing.T) {
	d := newDesk(t)
	dice := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test
	actions := []audit.Action{audit.ActionPublish, audit.ActionSubscribe, audit.ActionDownload, audit.ActionAcknowledge, audit.ActionPark, audit.ActionReadAudit, "of-a-later-version"}
	d.Now = time.Now
	const entries = 900
	start := time.Now()
	for i := range entries {
		e := audit.Entry{At: start.Add(time.Duration(i/4) * time.Microsecond), Action: actions[dice.IntN(len(actions))], Object: fmt.Sprint(dice.IntN(1e6)), Interaction: fmt.Sprint(i)}
		if dice.IntN(4) > 0 {
			e.Patient = storetest.Numbered(dice.IntN(9))
		}
		if dice.IntN(5) == 0 {
			e.Outcome, e.Status = "BAD_REQUEST", 400
		}
		d.Store.Record(e)
	}
	count := func(f operator.Filter) (records []operator.Record) {
		return all(t, operator.Each(t.Context(), d, operator.SearchAudit, operator.Matching(f)))
	}
	eventually(t, "the entries are committed", func() bool { return len(count(operator.Filter{})) >= entries })
	for i := range 10 { // the tenth has no entry
		patient := storetest.Numbered(i)
		for _, f := range []operator.StoryFilter{{Patient: patient.Digits()}, {Patient: patient.Digits(), From: start.Add(100 * time.Microsecond), To: start.Add(200 * time.Microsecond)}} {
			key := func(at time.Time, a audit.Action, chain, link int64) string {
				return fmt.Sprint(at, a, chain, link)
			}
			var want []string
			for _, r := range count(operator.Filter{Patient: f.Patient, From: f.From, To: f.To}) {
				if !strings.HasPrefix(r.Object, "{") { // of this test
					want = append(want, key(r.At, r.Action, r.Chain, r.Link))
				}
			}
			slices.Sort(want)
			for _, limit := range []int{0, 1, 7} {
				var got []string
				for _, e := range told(t, d, f, limit) {
					if e.Kind != operator.StoryNote && e.Action != audit.ActionReadStory && e.Action != audit.ActionReadAudit || e.Action == audit.ActionReadAudit && e.User == "" {
						got = append(got, key(e.At, e.Action, e.Chain, e.Link))
						if e.Patient != f.Patient {
							t.Fatalf("an entry about somebody else: %+v", e)
						}
					}
				}
				if slices.Sort(got); !slices.Equal(got, want) {
					t.Fatalf("patient %d, pages of %d: expected %d entries; received %d", i, limit, len(want), len(got))
				}
			}
		}
	}
}

// plot is a short story about one patient: two subscriptions, one of which ends, an
// event that matches the other, its collection, and one that was refused.
func plot(t *testing.T, d operator.Desk) (patient nhs.NHSNumber, event store.EventID) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, db := t.Context(), d.Store.(store_)
	row, err := db.PutMailbox(ctx, store.Mailbox{ID: "BOX1", ODS: "RR8", Password: "p"})
	must(err)
	s := storetest.AboutPatient(t, storetest.Numbered(1), "BOX1")
	patient = s.Criteria.Patient
	entry := audit.Entry{At: now, Action: audit.ActionSubscribe, ASID: "200000000115", ODS: "RR8", Certificate: "CN=subscriber", Reason: "directcare", Object: s.ID.String(), Patient: patient, Mailbox: "BOX1", Status: 201}
	must(db.Subscribe(ctx, s, entry))
	event = db.NextPosition()
	a := storetest.EventAbout(event, patient, store.Compress([]byte("<Bundle/>"), sha256.Sum256([]byte("<Bundle/>"))))
	a.Patient = patient
	a.Audit = audit.Entry{At: db.Moment(event), Action: audit.ActionPublish, ASID: "300000000161", ODS: "A83627", User: "dr who", Reason: "directcare", Object: fmt.Sprint(int64(event)),
		EventType: a.Code, Patient: patient, Status: 202}
	receipt, err := db.AcceptEvent(ctx, a)
	must(err)
	if receipt.Copies != 1 {
		t.Fatalf("expected a copy; received %d", receipt.Copies)
	}
	must(db.Acknowledge(ctx, row, event, db.Moment(event).Add(time.Second), &audit.Entry{At: db.Moment(event).Add(time.Second), Action: audit.ActionAcknowledge, Certificate: "CN=collector",
		ODS: "RR8", Object: mesh.FormatMessageID(int64(event), row), EventType: a.Code, Patient: patient, Mailbox: "BOX1", Status: 200}))
	d.Store.Record(audit.Entry{At: db.Moment(event).Add(2 * time.Second), Action: audit.ActionPublish, ASID: "300000000161", Outcome: "INVALID_RESOURCE", Status: 422, EventType: a.Code, Patient: patient})
	d.Store.Record(audit.Entry{At: now, Action: audit.ActionRead, Patient: storetest.Numbered(2), User: "about somebody else"})
	return patient, event
}

// store_ is what tests need of the store beside the desk.
type store_ interface { //nolint:revive // store is taken
	PutMailbox(ctx context.Context, m store.Mailbox) (int64, error)
	AcceptEvent(ctx context.Context, a store.Acceptance) (store.Receipt, error)
	NextPosition() store.EventID
	Moment(store.EventID) time.Time
	Acknowledge(ctx context.Context, mailbox int64, position store.EventID, at time.Time, e *audit.Entry) error
	Subscribe(ctx context.Context, s subscription.Subscription, e audit.Entry) error
}

// The story says in words what happened, to which copy, by whom and why, and that
// somebody looks is part of it from then on.
func TestStoryInWords(t *testing.T) {
	d := newDesk(t)
	patient, event := plot(t, d)
	var story []operator.StoryEntry
	eventually(t, "all is committed, the look at it too", func() bool {
		story = told(t, d, operator.StoryFilter{Patient: patient.Digits()}, 0)
		return len(story) >= 8
	})
	for i, want := range []struct {
		kind             operator.StoryKind
		text, who, event string
	}{
		{operator.StorySubscription, "A subscription was created for the mailbox BOX1. It asks for", "system 200000000115, organisation RR8, certificate CN=subscriber", ""},
		{operator.StoryLookUp, "The patient's story was read.", "operator desk", ""},
		{operator.StoryPublished, fmt.Sprintf("Event %d was published: ", event), "system 300000000161, organisation A83627, user dr who", fmt.Sprint(event)},
		{operator.StoryCopy, "It matched 1 subscription of the mailbox BOX1. The copy was collected from the mailbox BOX1 at ", "the service", fmt.Sprint(event)},
		{operator.StoryCollected, "A copy was collected from the mailbox BOX1.", "mailbox BOX1, organisation RR8, certificate CN=collector", fmt.Sprint(event)},
		{operator.StoryRefused, "A message was refused: INVALID_RESOURCE.", "system 300000000161", ""},
	} {
		at := slices.IndexFunc(story, func(e operator.StoryEntry) bool { return e.Kind == want.kind && strings.HasPrefix(e.Text, want.text) })
		if at < 0 {
			t.Errorf("%d: nothing says %q: %+v", i, want.text, story)
			continue
		}
		if e := story[at]; e.Who != want.who || want.event != "" && fmt.Sprint(e.Event) != want.event {
			t.Errorf("%q: expected who %q and event %s; received %q and %d", want.text, want.who, want.event, e.Who, e.Event)
		}
	}
	for _, e := range story {
		if strings.Contains(e.Text+e.Who, patient.Digits()) || strings.Contains(e.Who, "somebody else") {
			t.Errorf("a sentence names the patient, or somebody else: %+v", e)
		}
	}
}

// patients is a directory in which some numbers are superseded.
type patients map[nhs.NHSNumber]nhs.NHSNumber

func (p patients) Patient(_ context.Context, n nhs.NHSNumber) (directory.Patient, error) {
	return directory.Patient{NHSNumber: n, SupersededBy: p[n]}, nil
}

// The story of a superseded number says so, and has what is told of both.
func TestStoryOfSupersededNumber(t *testing.T) {
	d := newDesk(t)
	old, current := storetest.Numbered(1), storetest.Numbered(2)
	d.Patients = patients{old: current}
	for _, n := range []nhs.NHSNumber{old, current, storetest.Numbered(3)} {
		d.Store.Record(audit.Entry{At: now, Action: audit.ActionDownload, Mailbox: "A", Patient: n})
	}
	for n, want := range map[nhs.NHSNumber]int{old: 2, current: 1} {
		eventually(t, "they are found", func() bool {
			downloads := 0
			for i, e := range told(t, d, operator.StoryFilter{Patient: n.Digits()}, 0) {
				if e.Kind == operator.StoryRead {
					downloads++
				}
				if i == 0 && e.At.IsZero() != (n == old) {
					t.Errorf("expected a note first for the superseded number only; received %+v", e)
				}
			}
			return downloads == want
		})
	}
}

// A subscription's own end is told once, in its place, in pages of any size.
func TestStoryTellsOfEnds(t *testing.T) {
	d := newDesk(t)
	db := d.Store.(store_)
	if _, err := db.PutMailbox(t.Context(), store.Mailbox{ID: "BOX1", ODS: "RR8", Password: "p"}); err != nil {
		t.Fatal(err)
	}
	s := storetest.AboutPatient(t, storetest.Numbered(1), "BOX1")
	s.End = time.Now().Add(-time.Hour)
	if err := db.Subscribe(t.Context(), s, audit.Entry{At: s.End.Add(-time.Hour), Action: audit.ActionSubscribe, Object: s.ID.String(), Patient: s.Criteria.Patient, Mailbox: "BOX1"}); err != nil {
		t.Fatal(err)
	}
	d.Store.Record(audit.Entry{At: s.End.Add(time.Minute), Action: audit.ActionRead, Object: s.ID.String(), Patient: s.Criteria.Patient})
	d.Now = time.Now
	eventually(t, "housekeeping ends it", func() bool {
		return len(told(t, d, operator.StoryFilter{Patient: s.Criteria.Patient.Digits()}, 0)) > 4
	})
	for _, limit := range []int{0, 1, 2} {
		var got []string
		for _, e := range told(t, d, operator.StoryFilter{Patient: s.Criteria.Patient.Digits()}, limit) {
			if e.Kind != operator.StoryNote && e.At.Before(s.End.Add(10*time.Minute)) {
				got = append(got, strings.Fields(e.Text)[0]+" "+e.Text[len(e.Text)-8:])
			}
		}
		if len(got) != 3 || got[1] != "A own end." {
			t.Errorf("pages of %d: expected created, ended, read; received %q", limit, got)
		}
	}
}

// Who asks says why, and for a patient.
func TestStoryIsRefused(t *testing.T) {
	each(t, func(t *testing.T, d operator.Face) {
		good := operator.StoryFilter{Patient: "9912003888", Reason: "a complaint"}
		for name, change := range map[string]func(*operator.StoryFilter){
			"no number":      func(f *operator.StoryFilter) { f.Patient = "" },
			"a wrong number": func(f *operator.StoryFilter) { f.Patient = "9912003889" },
			"no reason":      func(f *operator.StoryFilter) { f.Reason = " " },
			"a long reason":  func(f *operator.StoryFilter) { f.Reason = strings.Repeat("a", 201) },
			"two lines":      func(f *operator.StoryFilter) { f.Reason = "a\nb" },
		} {
			f := good
			change(&f)
			if _, err := operator.TellPatient.Do(t.Context(), d, operator.Matching(f)); !errors.Is(err, operator.Invalid) {
				t.Errorf("%s: expected %v; received %v", name, operator.Invalid, err)
			} else if strings.Contains(err.Error(), "991200388") {
				t.Errorf("%s: the error has the number: %v", name, err)
			}
		}
	})
	d := newDesk(t)
	d.Roles = []operator.Role{operator.Viewer, operator.Operator, operator.Administrator}
	if _, err := operator.TellPatient.Do(t.Context(), d, operator.Matching(operator.StoryFilter{Patient: "9912003888", Reason: "curious"})); !errors.Is(err, operator.Forbidden) {
		t.Errorf("without the role: expected %v; received %v", operator.Forbidden, err)
	}
}

// Pages that overlap in time by less than a minute are put into order, and an error
// comes behind what there was before it.
func TestStoryInOrder(t *testing.T) {
	var entries []operator.StoryEntry
	for i, second := range []int{-1, 0, 5, 3, 3, 40, 10, 100, 70, 300, 299, 301} {
		e := operator.StoryEntry{Text: fmt.Sprint(i), At: now.Add(time.Duration(second) * time.Second)}
		if second < 0 {
			e.At = time.Time{} // a note
		}
		entries = append(entries, e)
	}
	broken := errors.New("the connection is lost")
	var got []string
	var last error
	for e, err := range operator.InOrder(func(yield func(operator.StoryEntry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
		yield(operator.StoryEntry{}, broken)
	}) {
		if last = err; err == nil {
			got = append(got, e.Text)
		}
	}
	if want := "0 1 3 4 2 6 5 8 7 10 9 11"; strings.Join(got, " ") != want || !errors.Is(last, broken) {
		t.Errorf("expected %s and an error; received %s, %v", want, strings.Join(got, " "), last)
	}
}

// A spreadsheet takes no cell for a formula, and each entry is one line.
func TestStoryCSV(t *testing.T) {
	hostile := []string{"=HYPERLINK(\"http://x\")", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1", " =1", "'=1", "\u00a0=1", "\uff1d1", "|calc", "a\nb", "\"quoted\",comma", "\x1b[31mred", "\u202egnp"}
	var entries []operator.StoryEntry
	for _, h := range hostile {
		entries = append(entries, operator.StoryEntry{At: now, Text: h, Who: h, Reason: h, Mailbox: h, User: h, Certificate: h, EventType: h, Outcome: h})
	}
	var out bytes.Buffer
	if err := operator.WriteStoryCSV(&out, sequence(entries)); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != len(hostile)+1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if strings.ContainsAny(cell, "\n\r\t\x1b\u202e") {
				t.Errorf("a cell has what cannot be shown: %q", cell)
			}
			if trimmed := strings.TrimLeft(cell, " \u00a0"); trimmed != "" && strings.ContainsAny(trimmed[:1], "=+-@|") || strings.HasPrefix(cell, "\uff1d") {
				t.Errorf("a cell is a formula: %q", cell)
			}
		}
	}
}

func sequence[T any](items []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// What an operator has ended is told once, as that.
func TestStoryOfEndedSubscription(t *testing.T) {
	d := newDesk(t)
	d.Now = time.Now
	db := d.Store.(store_)
	if _, err := db.PutMailbox(t.Context(), store.Mailbox{ID: "BOX1", ODS: "RR8", Password: "p"}); err != nil {
		t.Fatal(err)
	}
	s := storetest.AboutPatient(t, storetest.Numbered(1), "BOX1")
	if err := db.Subscribe(t.Context(), s, audit.Entry{At: time.Now(), Action: audit.ActionSubscribe, Object: s.ID.String(), Patient: s.Criteria.Patient, Mailbox: "BOX1"}); err != nil {
		t.Fatal(err)
	}
	if err := operator.EndSubscriptions.Run(t.Context(), d, operator.Ending{IDs: []string{s.ID.String()}, Reason: "moved away"}); err != nil {
		t.Fatal(err)
	}
	ends := 0
	for _, e := range told(t, d, operator.StoryFilter{Patient: s.Criteria.Patient.Digits()}, 0) {
		if strings.Contains(e.Text, "ended") && e.Kind == operator.StorySubscription {
			if ends++; e.Who != "operator desk" || e.Reason != "moved away" || e.Subscription != s.ID.String() {
				t.Errorf("%+v", e)
			}
		}
	}
	if ends != 1 {
		t.Errorf("expected one end; received %d", ends)
	}
}
