package storetest

import (
	"bytes"
	"testing"
	"time"
)

// second opens the database on another node, where several nodes can have it.
func (th *harness) second() (Store, bool) {
	f, ok := th.fixture.(SecondOpener)
	if !ok {
		return nil, false
	}
	return f.OpenSecond(th.T, th.clock), true
}

// One node is in charge of a task at a time, as long as it lives and its lease
// lasts. When it ends in order, the next one need not wait for that.
func leading(t *testing.T, th *harness) {
	want := func(who string, db Store, task string, lease time.Duration, want bool) {
		t.Helper()
		if leads, err := db.Lead(t.Context(), task, lease); err != nil || leads != want {
			t.Errorf("%s leads %s: expected %t; received %t, %v", who, task, want, leads, err)
		}
	}
	want("the first", th.Store, "a", time.Hour, true)
	want("the first, again,", th.Store, "a", time.Hour, true)
	second, ok := th.second()
	if !ok {
		return // it is alone, always in charge
	}
	want("the second", second, "a", time.Hour, false)
	want("the second", second, "b", -time.Second, true) // a lease that has lapsed
	want("the first", th.Store, "b", time.Hour, true)
	th.fixture.Stop(t)
	want("the second", second, "a", time.Hour, true)
	want("the second", second, "b", time.Hour, true)
}

// The nodes of a database share a secret that outlives them. Another database
// has another.
func searchKeys(t *testing.T, th *harness) {
	key := func(db Store) []byte {
		t.Helper()
		key, err := db.SearchKey(t.Context())
		th.must(err)
		return key
	}
	first := key(th.Store)
	second, ok := th.second()
	if !ok {
		if first != nil {
			t.Errorf("one node keeps %d bytes that it need not share", len(first))
		}
		return
	}
	if len(first) != 32 || bytes.Equal(first, make([]byte, 32)) || !bytes.Equal(key(second), first) {
		t.Error("expected 32 secret bytes, the same on both nodes")
	}
	th.fixture.Crash(t)
	th.reopen()
	if !bytes.Equal(key(th.Store), first) {
		t.Error("expected the same secret after a crash")
	}
}

// The counters of the group committer add up, and nothing waits once all have
// their answers.
func committerStats(t *testing.T, th *harness) {
	th.mailbox("A")
	th.subscribe("A", ofPatient(jack, vaccination))
	before := th.Stats()
	const published = 5
	for range published {
		th.publish()
	}
	after := th.Stats()
	if after.Operations < before.Operations+published || after.Commits < before.Commits+published {
		t.Errorf("one commit after the other: expected %d more; received %+v after %+v", published, after, before)
	}
	if after.Failed != before.Failed || after.Refused != 0 {
		t.Errorf("nothing failed, and nobody was sent away: received %+v", after)
	}
	sized := uint64(0)
	for _, n := range after.Sizes {
		sized += n
	}
	if sized < before.Commits+published || sized > th.Stats().Commits {
		t.Errorf("each commit has its size: expected %d; received %d", after.Commits, sized)
	}
	timed := uint64(0)
	for _, n := range after.Took {
		timed += n
	}
	if timed < before.Commits+published || after.Working <= before.Working {
		t.Errorf("each commit has its time: expected %d; received %d, %s in all", after.Commits, timed, after.Working)
	}
	th.eventually("nothing waits", func() bool { s := th.Stats(); return s.Depth == 0 && s.Bytes == 0 })
}
