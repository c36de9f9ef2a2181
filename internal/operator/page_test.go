package operator_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/spine"
)

// register puts systems whose ASIDs end in these digits.
func register(t *testing.T, d operator.Face, ends ...int) {
	t.Helper()
	var systems []spine.Registration
	for _, end := range ends {
		systems = append(systems, system(nhs.ASID(fmt.Sprintf("20000000%04d", end))))
	}
	if err := operator.PutSystems.Run(t.Context(), d, systems); err != nil {
		t.Fatal(err)
	}
}

// What is put between two pages comes up where it belongs, and moves nothing.
func TestPagesStandStillUnderInserts(t *testing.T) {
	each(t, func(t *testing.T, d operator.Face) {
		register(t, d, 10, 20, 30, 40, 50)
		var got []string
		for s, err := range operator.Each(t.Context(), d, operator.ListSystems, operator.Paging{Limit: 2}) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, string(s.ASID[10:])); len(got) == 2 {
				register(t, d, 11, 31)
			}
		}
		if want := strings.Fields("10 20 30 31 40 50"); !slices.Equal(got, want) {
			t.Errorf("expected %v; received %v", want, got)
		}
	})
}

// A cursor is good for the search that gave it, by the user who got it, on a desk
// with the same key.
func TestCursorsAreBoundToTheirSearch(t *testing.T) {
	d := newDesk(t)
	d.CursorKey = []byte("a key")
	register(t, d, 10, 20, 30)
	next := func(d operator.Desk, after string) (string, error) {
		page, err := operator.SearchAudit.Do(t.Context(), d, operator.Search[operator.Filter]{
			Filter: operator.Filter{Action: audit.ActionPutSystem}, Paging: operator.Paging{Limit: 1, After: after}})
		return page.Next, err
	}
	cursor, err := next(d, "")
	if err != nil || cursor == "" {
		t.Fatalf("%q, %v", cursor, err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || strings.Contains(string(raw), "9912003888") {
		t.Errorf("%v: a cursor lies in URLs, and holds %s", err, raw)
	}
	if _, err := next(d, cursor); err != nil {
		t.Errorf("the same search: %v", err)
	}
	otherKey, otherUser := d, d
	otherKey.CursorKey, otherUser.User = []byte("another key"), "another"
	wantCursor := func(what string, err error) {
		t.Helper()
		var e *operator.Error
		if !errors.As(err, &e) || e.Code != operator.Invalid || e.Field != "after" {
			t.Errorf("%s: expected it to refuse the field after; received %v", what, err)
		}
	}
	_, err = next(otherKey, cursor)
	wantCursor("another key", err)
	_, err = next(otherUser, cursor)
	wantCursor("another user", err)
	_, err = next(d, cursor[:len(cursor)-2])
	wantCursor("cut off", err)
	_, err = next(d, cursor+"\n")
	wantCursor("with a line end", err)
	_, err = next(d, "not a cursor")
	wantCursor("not a cursor", err)
	raw[len(raw)-3] ^= 1
	_, err = next(d, base64.RawURLEncoding.EncodeToString(raw))
	wantCursor("another place", err)
	_, err = operator.SearchAudit.Do(t.Context(), d, operator.Search[operator.Filter]{Filter: operator.Filter{Patient: "9912003888"}, Paging: operator.Paging{After: cursor}})
	wantCursor("another filter", err)
	_, err = operator.ListSystems.Do(t.Context(), d, operator.Paging{After: cursor})
	wantCursor("another list", err)
}

// The audit is read in pages from both ends, is recorded once, and a walk ends
// although it leaves an entry itself.
func TestAuditIsReadInPages(t *testing.T) {
	each(t, func(t *testing.T, d operator.Face) {
		register(t, d, 10, 20, 30, 40, 50) // five entries, and the links with them
		walk := func(newest bool, limit int) []string {
			t.Helper()
			s := operator.Matching(operator.Filter{Newest: newest, Action: audit.ActionPutSystem})
			s.Limit = limit
			var out []string
			for _, r := range all(t, operator.Each(t.Context(), d, operator.SearchAudit, s)) {
				out = append(out, string(r.ASID))
			}
			return out
		}
		oldest := walk(false, 0)
		if len(oldest) != 5 || oldest[0] != "200000000010" {
			t.Fatalf("oldest first: %v", oldest)
		}
		for limit := 1; limit < 4; limit++ {
			newest := walk(true, limit)
			slices.Reverse(newest)
			if diff := cmp.Diff(oldest, newest) + cmp.Diff(oldest, walk(false, limit)); diff != "" {
				t.Errorf("pages of %d:\n%s", limit, diff)
			}
		}
		s := operator.Matching(operator.Filter{})
		s.Limit = 1
		reads := func() (n int) {
			for _, r := range all(t, operator.Each(t.Context(), d, operator.SearchAudit, s)) {
				if r.Action == audit.ActionReadAudit {
					n++
				}
			}
			return n
		}
		// 1 + 3 walks of 2, and then one more with each look.
		eventually(t, "each walk is recorded once", func() bool { before := reads(); return before >= 7 && before < 50 })
	})
}

// More entries than a page looks at: a page may be empty before the end.
func TestPagesOfTheAuditCostABoundedEffort(t *testing.T) {
	d := newDesk(t)
	const more = 45_000
	for i := range more {
		if d.Store.Record(audit.Entry{At: now, Action: audit.ActionRead}); i%1000 == 0 {
			register(t, d, 10) // which waits for their commit
		}
	}
	if err := operator.RevokeSystem.Run(t.Context(), d, operator.SystemRef{ASID: "200000000010"}); err != nil {
		t.Fatal(err)
	}
	s := operator.Matching(operator.Filter{Action: audit.ActionRevokeSystem})
	first, err := operator.SearchAudit.Do(t.Context(), d, s)
	if err != nil || len(first.Items) != 0 || first.Next == "" {
		t.Errorf("the first page: %d entries, next %q, %v", len(first.Items), first.Next, err)
	}
	if got := all(t, operator.Each(t.Context(), d, operator.SearchAudit, s)); len(got) != 1 {
		t.Errorf("all pages: %d entries", len(got))
	}
	seen := 0
	for _, l := range all(t, operator.Each(t.Context(), d, operator.ExportChain, operator.Matching(operator.ChainFilter{}))) {
		seen += len(l.Entries)
	}
	if seen < more {
		t.Errorf("the chain holds %d entries; expected %d and more", seen, more)
	}
}

// FuzzCursor: whatever comes back as a cursor is refused, or one of ours.
func FuzzCursor(f *testing.F) {
	d := newDesk(f)
	d.CursorKey = []byte("a key")
	var systems []spine.Registration
	for _, asid := range []nhs.ASID{"200000000115", "200000000116", "200000000117"} {
		systems = append(systems, system(asid))
	}
	if err := operator.PutSystems.Run(context.Background(), d, systems); err != nil {
		f.Fatal(err)
	}
	ours := map[string]bool{"": true}
	for at := (operator.Paging{Limit: 1}); ; {
		page, err := operator.ListSystems.Do(context.Background(), d, at)
		if err != nil {
			f.Fatal(err)
		}
		if ours[page.Next] {
			break
		}
		ours[page.Next], at.After = true, page.Next
		f.Add(page.Next)
	}
	f.Add("")
	f.Add("AAAAAAAAAAAAAAAAAAAAACIyMDAwMDAwMDAxMTUi")
	f.Fuzz(func(t *testing.T, cursor string) {
		_, err := operator.ListSystems.Do(t.Context(), d, operator.Paging{After: cursor})
		if err != nil && !errors.Is(err, operator.Invalid) {
			t.Fatal(err)
		}
		if err == nil && !ours[cursor] {
			t.Fatalf("%q passes for one of ours", cursor)
		}
	})
}
