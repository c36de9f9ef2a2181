package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/audit"
	"nems/internal/store"
)

// sessions are found by their key until they end, and removed afterwards.
func sessions(t *testing.T, th *harness) {
	begun := th.clock.Now()
	entry := audit.Entry{At: begun, Action: audit.ActionSignIn}
	want := store.Session{Key: store.KeyOfSession("one"), User: "é <jan>", Proof: "sign-in:openid", Certificate: "CN=jan", Roles: []string{"viewer", "governance"},
		Begun: begun, Seen: begun, Ends: begun.Add(12 * time.Hour)}
	th.must(th.PutSession(th.ctx(), want, entry))
	got, err := th.Session(th.ctx(), want.Key)
	th.must(err)
	want.N = got.N
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-expected +received:\n%s", diff)
	}
	_, err = th.Session(th.ctx(), store.KeyOfSession("another"))
	th.wantError("another secret", err, store.ErrNotFound)

	later := begun.Add(5 * time.Minute)
	th.must(th.SeeSession(want.Key, later))
	th.must(th.SeeSession(want.Key, begun.Add(time.Minute))) // came late
	th.eventually("it was seen", func() bool {
		got, err := th.Session(th.ctx(), want.Key)
		th.must(err)
		return got.Seen.Equal(later)
	})

	other := want
	other.Key, other.Seen = store.KeyOfSession("two"), later
	th.must(th.PutSession(th.ctx(), other, entry))
	list := func(after int64, seen, now time.Time) []store.Session {
		found, err := th.SessionsAfter(th.ctx(), after, seen, now, 10)
		th.must(err)
		return found
	}
	if n := len(list(0, begun, later)); n != 2 {
		t.Errorf("listed: expected 2; received %d", n)
	}
	if n := len(list(want.N, begun, later)); n != 1 {
		t.Errorf("behind the first: expected 1; received %d", n)
	}
	if n := len(list(0, later, later)) + len(list(0, begun, want.Ends)); n != 0 {
		t.Errorf("ended ones: expected 0; received %d", n)
	}

	th.must(th.EndSession(th.ctx(), want.N, entry))
	_, err = th.Session(th.ctx(), want.Key)
	th.wantError("an ended session", err, store.ErrNotFound)
	th.wantError("ending it again", th.EndSession(th.ctx(), want.N, entry), store.ErrNotFound)

	signInLinks(t, th)
	th.clock.advance(13 * time.Hour)
	th.must(th.Housekeep(th.ctx()))
	if n := len(list(0, time.Time{}, time.Time{})); n != 0 {
		t.Errorf("after their time: expected 0; received %d", n)
	}
}

// signInLinks let one in, once, for a while.
func signInLinks(t *testing.T, th *harness) {
	now := th.clock.Now()
	link := store.SignInLink{Key: store.KeyOfSession("link"), User: "kim", Roles: []string{"viewer"}, Ends: now.Add(5 * time.Minute)}
	th.must(th.PutSignInLink(th.ctx(), link, audit.Entry{At: now, Action: audit.ActionSignInLink}))
	use := func(secret string, at time.Time) (store.Session, error) {
		s := store.Session{Key: store.KeyOfSession(secret), Proof: "sign-in:link", Begun: at, Seen: at, Ends: at.Add(12 * time.Hour)}
		return th.UseSignInLink(th.ctx(), link.Key, s, audit.Entry{At: at, Action: audit.ActionSignIn})
	}
	_, err := use("late", link.Ends)
	th.wantError("a link that has ended", err, store.ErrNotFound)
	var used atomic.Int64
	var all sync.WaitGroup
	for _, secret := range []string{"a", "b", "c", "d"} {
		all.Go(func() {
			s, err := use(secret, now)
			if err == nil && s.User == "kim" && cmp.Equal(s.Roles, link.Roles) {
				used.Add(1)
			} else if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("used twice: %+v, %v", s, err)
			}
		})
	}
	all.Wait()
	if n := used.Load(); n != 1 {
		t.Errorf("a link was used %d times", n)
	}
}
