package api

import (
	"context"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// TestQueryComesBack: a sealed search is read back unchanged.
func TestQueryComesBack(t *testing.T) {
	c := newCursors(nil)
	rapid.Check(t, func(t *rapid.T) {
		q := store.SubscriptionQuery{
			Events:    rapid.SliceOfN(rapid.StringMatching(`[A-Za-z0-9._-]{1,64}`), 0, 3).Draw(t, "events"),
			Mailboxes: rapid.SliceOfN(rapid.StringMatching(`[A-Za-z0-9]{1,20}`), 0, 3).Draw(t, "mailboxes"),
			Statuses:  rapid.SliceOfN(rapid.SampledFrom([]subscription.Status{"requested", "active", "off"}), 0, 3).Draw(t, "statuses"),
			Max:       rapid.IntRange(0, largestPage).Draw(t, "count"),
		}
		if rapid.Bool().Draw(t, "of a patient") {
			jack, _ := nhs.ParseNHSNumber("9912003888")
			other, _ := nhs.ParseNHSNumber("9434765919")
			q.Patients = []nhs.NHSNumber{jack, other}
		}
		if rapid.Bool().Draw(t, "further page") {
			q.After = subscription.NewID(time.Now())
		}
		search, err := c.open(c.seal(writeQuery(q), "200000000115"), "200000000115")
		if err != nil {
			t.Fatal(err)
		}
		values, err := url.ParseQuery(search)
		if err != nil {
			t.Fatal(err)
		}
		got, refusal := readQuery(values, true)
		if diff := cmp.Diff(q, got, cmp.AllowUnexported(nhs.NHSNumber{}), cmpopts.EquateEmpty()); refusal != nil || diff != "" {
			t.Fatalf("%v %s", refusal, diff)
		}
	})
}

// FuzzQuery reads any text as a search. It is refused, or writeQuery can write
// it again.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"", "status=active", "patient=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C9912003888&_count=3", "event=a&event=b", `event=a,b\\,c&status=off,active&_count=0`, "_cursor=x", "after=00000000000000000000000000000000", "%", "mailbox=;"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		q, refusal := readQuery(values, true)
		if refusal != nil {
			if refusal.Status != 400 {
				t.Fatalf("status %d", refusal.Status)
			}
			return
		}
		again, err := url.ParseQuery(writeQuery(q))
		if err != nil {
			t.Fatal(err)
		}
		if got, refusal := readQuery(again, true); refusal != nil || !reflect.DeepEqual(got, q) {
			t.Fatalf("%q came back as another search", text)
		}
	})
}

// TestSharesAreBounded: however many systems come, few are remembered, and none
// gets back what it has used up.
func TestSharesAreBounded(t *testing.T) {
	now := time.Now()
	f := newFairness(Limits{Rate: 1})
	for n := range 3 * maxShares {
		asid := nhs.ASID(string(rune('a'+n%26)) + time.Duration(n).String())
		now = now.Add(time.Millisecond)
		if s, refusal := f.admit(asid, now); refusal == nil {
			f.done(s)
		}
		if len(f.shares) > maxShares {
			t.Fatalf("%d systems are remembered", len(f.shares))
		}
	}
	busy, refusal := f.admit("busy", now.Add(time.Hour)) // all the others are forgotten
	if refusal != nil {
		t.Fatal(refusal)
	}
	defer f.done(busy)
	if _, refusal := f.admit("busy", now.Add(time.Hour)); refusal == nil || refusal.Status != 429 {
		t.Error("the second request of the same second was let in")
	}
}

// TestReadingTakesItsTurn: large bodies wait for the memory that reading them
// takes. Small bodies do not wait, nor do bodies for which there is memory.
func TestReadingTakesItsTurn(t *testing.T) {
	f := newFairness(Limits{Memory: 2 * readingFactor << 20})
	gone, leave := context.WithCancel(t.Context())
	leave()
	for range 2 {
		if refusal := f.work(t.Context(), 1<<20); refusal != nil {
			t.Fatal("there was room for two", refusal)
		}
	}
	if refusal := f.work(gone, 1<<20); refusal == nil || refusal.Status != 503 {
		t.Errorf("a third one got in: %v", refusal)
	}
	if refusal := f.work(t.Context(), smallBody); refusal != nil {
		t.Errorf("a small one waited: %v", refusal)
	}
	f.rest(smallBody)
	f.rest(1 << 20)
	f.rest(1 << 20)
	if refusal := f.work(t.Context(), MaxBody); refusal != nil {
		t.Errorf("one that needs more than there is waits for ever: %v", refusal)
	}
	f.rest(MaxBody)
}
