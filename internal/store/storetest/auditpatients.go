package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
)

// The entries about patients are found among many others, each once and nobody
// else's, whether they are filed by patient, wait to be filed, or are split
// between the two; and in pages as at once.
func auditPatients(t *testing.T, th *harness) {
	dice := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // a test
	recorded := 0
	record := func(n int) {
		t.Helper()
		for range n {
			e := audit.Entry{At: epoch, Action: audit.ActionRead, Object: fmt.Sprint(recorded), Status: 200}
			if dice.IntN(3) > 0 {
				e.Patient = Numbered(dice.IntN(400))
			}
			th.Record(e)
			recorded++
		}
		th.eventually("the entries are committed", func() bool { return len(th.wholeAudit()) == recorded })
	}
	th.wantPatients("an empty audit", Numbered(1))
	record(3)
	th.must(th.Housekeep(th.ctx()))
	th.wantPatients("a few entries", Numbered(1), Numbered(2))
	for range 5 {
		record(4000)
	}
	th.wantPatients("before they are filed", Numbered(1))
	for range 3 { // what is settled is known some rounds later
		th.must(th.Housekeep(th.ctx()))
	}
	th.wantPatients("after they are filed", Numbered(1))
	th.wantPatients("two numbers of one patient", Numbered(2), Numbered(3))
	th.wantPatients("nobody", Numbered(401))
	for range 5 {
		record(3000)
		th.must(th.Housekeep(th.ctx()))
	}
	th.wantPatients("two segments", Numbered(4))
	th.fixture.Stop(t)
	th.reopen()
	th.must(th.Housekeep(th.ctx()))
	th.wantPatients("after a new start", Numbered(5))
}

// wholeAudit lists all entries, oldest first.
func (th *harness) wholeAudit() (out []audit.Entry) {
	th.Helper()
	for link, err := range th.Links(th.ctx(), time.Time{}, time.Time{}) {
		th.must(err)
		entries, err := link.Unpack()
		th.must(err)
		out = append(out, entries...)
	}
	return out
}

// wantPatients holds what a look-up finds against the whole audit.
func (th *harness) wantPatients(what string, patients ...nhs.NHSNumber) {
	th.Helper()
	about := func(e audit.Entry) bool { return slices.Contains(patients, e.Patient) }
	var want []string
	for _, e := range th.wholeAudit() {
		if about(e) {
			want = append(want, e.Object)
		}
	}
	for _, size := range []int{1, 7, 1000} {
		var got []string
		left, err := th.AuditSpan(th.ctx(), time.Time{}, time.Time{})
		th.must(err)
		pages := 0
		for found := (store.AuditAbout{Rest: left}); !found.Whole(); pages++ {
			found, err = th.AuditAbout(th.ctx(), found.Rest, patients, size, 5000)
			th.must(err)
			if len(found.Links) > size {
				th.Fatalf("%s: a page of %d has %d links", what, size, len(found.Links))
			}
			for _, l := range found.Links {
				entries, err := l.Unpack()
				th.must(err)
				for _, e := range entries {
					if about(e) {
						got = append(got, e.Object)
					}
				}
			}
			if pages > 200 {
				th.Fatalf("%s: it does not end", what)
			}
		}
		if !slices.Equal(got, want) {
			th.Errorf("%s, %d at a time: expected %d entries; received %d", what, size, len(want), len(got))
		}
	}
}
