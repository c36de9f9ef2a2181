package storetest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nems/internal/audit"
	"nems/internal/store"
)

func registry(t *testing.T, th *harness) {
	version := func() int64 {
		v, err := th.RegistryVersion(th.ctx())
		th.must(err)
		return v
	}
	before := version()
	for _, s := range []store.System{{ASID: "200000000116", Value: []byte("b")}, {ASID: "200000000115", Value: []byte("a")}, {ASID: "200000000116", Value: []byte("c")}} {
		th.must(th.PutSystem(th.ctx(), s, audit.Entry{Action: "put system"}))
	}
	all, err := th.Systems(th.ctx())
	want := []store.System{{ASID: "200000000115", Value: []byte("a")}, {ASID: "200000000116", Value: []byte("c")}}
	if diff := cmp.Diff(want, all); diff != "" || err != nil {
		t.Errorf("systems: %v %s", err, diff)
	}
	put := version()
	th.must(th.RevokeSystem(th.ctx(), "200000000115", audit.Entry{Action: "revoke"}))
	if s, err := th.System(th.ctx(), "200000000115"); err != nil || !s.Revoked || string(s.Value) != "a" {
		t.Errorf("revoked: %+v, %v", s, err)
	}
	_, err = th.System(th.ctx(), "1")
	th.wantError("no such system", err, store.ErrNotFound)
	th.wantError("revoking it", th.RevokeSystem(th.ctx(), "1", audit.Entry{}), store.ErrNotFound)
	revoked := version()
	cycles := []store.LifeCycle{{Code: "a-1", Value: []byte("1")}, {Code: "b-1", Value: []byte("2")}}
	for _, c := range slices.Backward(cycles) {
		th.must(th.PutLifeCycle(th.ctx(), c, audit.Entry{Action: "life cycle"}))
	}
	got, err := th.LifeCycles(th.ctx())
	if diff := cmp.Diff(cycles, got); diff != "" || err != nil {
		t.Errorf("life cycles: %v %s", err, diff)
	}
	if !(before < put && put < revoked && revoked < version()) {
		t.Error("the version must grow with every change")
	}
}

// Rows of the controller catalogue are changed together, and nodes hear of it.
func controllers(t *testing.T, th *harness) {
	version, err := th.RegistryVersion(th.ctx())
	th.must(err)
	rows := []store.ControllerRow{{ID: "RAT/a-1/consumer", Value: []byte("1")}, {ID: "RR8/a-1/both", Value: []byte("2")}, {ID: "X26/b-1/publisher", Value: []byte("3")}}
	th.must(th.ChangeControllerRows(th.ctx(), rows, nil, []audit.Entry{{Action: audit.ActionPutController}}))
	rows[0].Value = []byte("4")
	th.must(th.ChangeControllerRows(th.ctx(), rows[:1], []string{rows[2].ID, "none"}, []audit.Entry{{Action: audit.ActionPutController}, {Action: audit.ActionRemoveController}}))
	th.fixture.Crash(t)
	th.reopen()
	got, err := th.ControllerRows(th.ctx())
	if diff := cmp.Diff(rows[:2], got); diff != "" || err != nil {
		t.Errorf("rows: %v %s", err, diff)
	}
	if later, err := th.RegistryVersion(th.ctx()); err != nil || later < version+2 {
		t.Errorf("the version must grow with every change: %d, then %d, %v", version, later, err)
	}
}

// What was seen of files outside the database is kept under its name, the last
// word of each.
func witnesses(t *testing.T, th *harness) {
	wants := func(name, want string) {
		t.Helper()
		if got, err := th.Witness(th.ctx(), name); err != nil || string(got) != want {
			t.Errorf("%s: expected %q, got %q, %v", name, want, got, err)
		}
	}
	wants("one", "")
	th.must(th.PutWitness(th.ctx(), "one", []byte("first")))
	th.must(th.PutWitness(th.ctx(), "two", []byte{0, 0xff}))
	th.must(th.PutWitness(th.ctx(), "one", []byte("second")))
	th.fixture.Crash(t)
	th.reopen()
	wants("one", "second")
	wants("two", "\x00\xff")
}
