package main

import (
	"crypto/sha256"
	"testing"
)

// The ledger must see what the table says.
func TestLedgerFindsViolations(t *testing.T) {
	l := newLedger()
	l.begin("f", "A", "B")
	messages, digests := make([][]byte, 5), make([]digest, 5)
	for n := range messages {
		messages[n], digests[n] = l.issue([]byte("<x/>"))
	}
	for n, v := range []verdict{accepted, accepted, accepted, refused, unanswered} {
		l.told(digests[n], v)
	}
	l.received("A", "1", messages[0]) // whole, B twice
	l.received("B", "2", messages[0])
	l.received("B", "3", messages[0])
	l.received("B", "3", messages[0])         // the same copy once more
	l.received("A", "4", messages[1])         // B is missing; message 2 is lost
	l.received("A", "5", messages[3])         // refused
	l.received("A", "6", messages[4])         // stored, the answer was cut off
	l.received("A", "7", []byte("<changed>")) // other bytes
	want := row{Acknowledged: 3, Lost: 1, Missing: 3, Doubled: 1, Wrong: 2}
	if got := l.sums()["f"]; got != want || !got.broken() {
		t.Errorf("expected %+v; received %+v", want, got)
	}
	if sha256.Sum256(messages[0]) != digests[0] {
		t.Error("the digest is of other bytes")
	}
}

// A short torture of the real program: kill -9, three crash points, a line that
// drops replies.
func TestTorture(t *testing.T) {
	if testing.Short() {
		t.Skip("builds nems and kills it: not with -short")
	}
	rows, err := torture(options{seconds: 4, seed: 1, only: "kill-9,before-commit,after-commit,migrate", hosted: true}, t.Output())
	if err != nil {
		t.Error(err)
	}
	for _, r := range rows {
		t.Logf("%+v", r)
		if r.Rounds == 0 {
			t.Errorf("%s: no round", r.Fault)
		}
	}
}

func TestChoose(t *testing.T) {
	if _, err := choose("no-such-fault"); err == nil {
		t.Error("an unknown fault is taken")
	}
	if all, err := choose("migrate,kill-9"); err != nil || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
}
