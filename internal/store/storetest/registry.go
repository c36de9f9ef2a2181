package storetest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nems/internal/audit"
	"nems/internal/store"
)

func registry(t *testing.T, w *world) {
	version := func() int64 {
		v, err := w.RegistryVersion(w.ctx())
		w.must(err)
		return v
	}
	before := version()
	for _, s := range []store.System{{ASID: "200000000116", Value: []byte("b")}, {ASID: "200000000115", Value: []byte("a")}, {ASID: "200000000116", Value: []byte("c")}} {
		w.must(w.PutSystem(w.ctx(), s, audit.Entry{Action: "put system"}))
	}
	all, err := w.Systems(w.ctx())
	want := []store.System{{ASID: "200000000115", Value: []byte("a")}, {ASID: "200000000116", Value: []byte("c")}}
	if diff := cmp.Diff(want, all); diff != "" || err != nil {
		t.Errorf("systems: %v %s", err, diff)
	}
	put := version()
	w.must(w.RevokeSystem(w.ctx(), "200000000115", audit.Entry{Action: "revoke"}))
	if s, err := w.System(w.ctx(), "200000000115"); err != nil || !s.Revoked || string(s.Value) != "a" {
		t.Errorf("revoked: %+v, %v", s, err)
	}
	_, err = w.System(w.ctx(), "1")
	w.wantError("no such system", err, store.ErrNotFound)
	w.wantError("revoking it", w.RevokeSystem(w.ctx(), "1", audit.Entry{}), store.ErrNotFound)
	revoked := version()
	cycles := []store.LifeCycle{{Code: "a-1", Value: []byte("1")}, {Code: "b-1", Value: []byte("2")}}
	for _, c := range slices.Backward(cycles) {
		w.must(w.PutLifeCycle(w.ctx(), c, audit.Entry{Action: "life cycle"}))
	}
	got, err := w.LifeCycles(w.ctx())
	if diff := cmp.Diff(cycles, got); diff != "" || err != nil {
		t.Errorf("life cycles: %v %s", err, diff)
	}
	if !(before < put && put < revoked && revoked < version()) {
		t.Error("the version must grow with every change")
	}
}

// What was seen of files outside the database is kept under its name, the last
// word of each.
func witnesses(t *testing.T, w *world) {
	wants := func(name, want string) {
		t.Helper()
		if got, err := w.Witness(w.ctx(), name); err != nil || string(got) != want {
			t.Errorf("%s: expected %q, got %q, %v", name, want, got, err)
		}
	}
	wants("one", "")
	w.must(w.PutWitness(w.ctx(), "one", []byte("first")))
	w.must(w.PutWitness(w.ctx(), "two", []byte{0, 0xff}))
	w.must(w.PutWitness(w.ctx(), "one", []byte("second")))
	w.fixture.Crash(t)
	w.reopen()
	wants("one", "second")
	wants("two", "\x00\xff")
}
