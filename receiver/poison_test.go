package receiver_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/receiver"
)

var errNo = errors.New("no")

// fails is a Handler that fails for some MESH message ids.
func fails(got *collected, err error, ids ...string) receiver.Handler {
	return func(ctx context.Context, m receiver.Message) error {
		_ = got.handle(ctx, m)
		for _, id := range ids {
			if m.ID == id {
				return err
			}
		}
		return nil
	}
}

func TestPoisonIsSetAsideAfterItsAttempts(t *testing.T) {
	n := notice{id: "e1"}
	f := newFakeMESH(n.in("M/../1"), notice{id: "e2"}.in("M2"))
	c := newClock()
	folder := filepath.Join(t.TempDir(), "aside")
	var got collected
	r := newReceiver(t, f, c, func(k *receiver.Config) { k.SetAside, k.Attempts, k.Backoff = folder, 4, time.Minute })
	f.messages[0].id = "M1"
	tally, err := r.Collect(t.Context(), fails(&got, errNo, "M1"))
	if err != nil || tally != (receiver.Tally{Handled: 1, Aside: 1}) {
		t.Fatalf("%+v, %v", tally, err)
	}
	if d := cmp.Diff([]time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute}, c.waits); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"M1", "M2"}, f.acknowledged()); d != "" {
		t.Error(d)
	}
	kept, err := os.ReadFile(filepath.Join(folder, "M1.message"))
	if err != nil || string(kept) != string(n.body()) {
		t.Errorf("set aside: %v, equal %v", err, string(kept) == string(n.body()))
	}
	text, err := os.ReadFile(filepath.Join(folder, "M1.json"))
	if err != nil {
		t.Fatal(err)
	}
	var reason map[string]any
	if err := json.Unmarshal(text, &reason); err != nil {
		t.Fatal(err)
	}
	if reason["error"] != "no" || reason["attempts"] != 4.0 || reason["event"] != "vaccinations-1" || reason["messageId"] != "e1" {
		t.Errorf("reason %v", reason)
	}
	if strings.Contains(string(text), "9990000026") {
		t.Error("the reason holds the patient's number")
	}
}

func TestPermanentErrorsGetOneAttempt(t *testing.T) {
	f := newFakeMESH(notice{id: "e1"}.in("M1"))
	var got collected
	r := newReceiver(t, f, newClock(), func(k *receiver.Config) { k.SetAside = t.TempDir() })
	tally, err := r.Collect(t.Context(), fails(&got, receiver.Permanent(errNo), "M1"))
	if err != nil || tally.Aside != 1 || len(got.messages) != 1 {
		t.Errorf("%+v, %v, %d attempts", tally, err, len(got.messages))
	}
	if receiver.Permanent(nil) != nil {
		t.Error("no error is no permanent error")
	}
}

// Messages that were postponed while the clock was ahead are due once the clock is put right.
func TestPoisonByAClockThatWasAhead(t *testing.T) {
	f := newFakeMESH(notice{id: "e1"}.in("M1"))
	c := newClock()
	var got collected
	r := newReceiver(t, f, c, func(k *receiver.Config) { k.Attempts = 1 })
	for _, jump := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		c.advance(jump)
		for range 2 { // the first look makes an attempt, the second none
			if tally, err := r.Collect(t.Context(), fails(&got, errNo, "M1")); err != nil || tally != (receiver.Tally{Left: 1}) {
				t.Fatalf("%+v, %v", tally, err)
			}
		}
	}
	if d := cmp.Diff([]string{"M1", "M1"}, got.ids()); d != "" {
		t.Error(d)
	}
}

func TestPoisonWithoutAFolderStaysAndIsTriedLater(t *testing.T) {
	f := newFakeMESH(notice{id: "e1"}.in("M1"), notice{id: "e2"}.in("M2"))
	c := newClock()
	var got collected
	r := newReceiver(t, f, c, func(k *receiver.Config) { k.Attempts = 2 })
	collect := func(want receiver.Tally) {
		t.Helper()
		if tally, err := r.Collect(t.Context(), fails(&got, errNo, "M1")); err != nil || tally != want {
			t.Fatalf("%+v, %v", tally, err)
		}
	}
	collect(receiver.Tally{Handled: 1, Left: 1})
	collect(receiver.Tally{Left: 1})
	if d := cmp.Diff([]string{"M1", "M1", "M2"}, got.ids()); d != "" {
		t.Error(d)
	}
	c.advance(2 * time.Hour)
	if tally, err := r.Collect(t.Context(), got.handle); err != nil || tally.Handled != 1 {
		t.Errorf("%+v, %v", tally, err)
	}
}

// A message that ends the process each time is poison too: attempts are counted
// in the file before the Handler is called.
func TestMessageThatEndsTheProcess(t *testing.T) {
	f := newFakeMESH(notice{id: "e1"}.in("M1"), notice{id: "e2"}.in("M2"))
	c := newClock()
	folder, path := t.TempDir(), filepath.Join(t.TempDir(), "memory")
	attempts := 0
	process := func() (tally receiver.Tally, died bool) {
		memory := openMemory(t, path, c)
		defer memory.Close()
		defer func() { died = recover() != nil }()
		r := newReceiver(t, f, c, func(k *receiver.Config) { k.Memory, k.SetAside, k.Attempts = memory, folder, 3 })
		tally, err := r.Collect(t.Context(), func(_ context.Context, m receiver.Message) error {
			if m.ID == "M1" {
				attempts++
				panic("died")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		return tally, false
	}
	for range 3 {
		if _, died := process(); !died {
			t.Fatal("the process lives")
		}
	}
	tally, died := process()
	if died || tally != (receiver.Tally{Handled: 1, Aside: 1}) || attempts != 3 {
		t.Errorf("died %v, %+v, %d attempts", died, tally, attempts)
	}
	text, err := os.ReadFile(filepath.Join(folder, "M1.json"))
	if err != nil || !strings.Contains(string(text), receiver.ErrNotReturned.Error()) {
		t.Errorf("%v: %s", err, text)
	}
}

// When everything fails, the Handler is the cause: at most two messages are set
// aside, and the others are handed over once it works again.
func TestFailingHandlerDoesNotEmptyTheMailbox(t *testing.T) {
	f := newFakeMESH()
	for _, id := range []string{"M1", "M2", "M3", "M4", "M5", "M6"} {
		f.put(notice{id: id}.in(id))
	}
	c := newClock()
	r := newReceiver(t, f, c, func(k *receiver.Config) { k.SetAside, k.Attempts = t.TempDir(), 2 })
	all := []string{"M1", "M2", "M3", "M4", "M5", "M6"}
	var got collected
	for range 3 {
		if _, err := r.Collect(t.Context(), fails(&got, errNo, all...)); !errors.Is(err, receiver.ErrFailing) {
			t.Fatalf("want ErrFailing, got %v", err)
		}
	}
	if d := cmp.Diff([]string{"M1", "M2"}, f.acknowledged()); d != "" {
		t.Errorf("set aside: %s", d)
	}
	got.messages = nil
	for range 2 { // the first look makes those due again that were left meanwhile
		if _, err := r.Collect(t.Context(), got.handle); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([]string{"M6", "M3", "M4", "M5"}, got.ids()); d != "" {
		t.Error(d)
	}
}

func TestMessagesThatCannotBeRead(t *testing.T) {
	f := newFakeMESH(
		fakeMessage{id: "M1", body: []byte(strings.Repeat(" ", 5000)), headers: nil},
		fakeMessage{id: "M2", body: []byte("not gzip"), raw: true},
		notice{id: "e3"}.in("M3"),
	)
	errs := map[string]error{}
	var got collected
	r := newReceiver(t, f, newClock(), func(k *receiver.Config) {
		k.MaxBody = 4000
		k.Observe = func(m receiver.Message, _ receiver.Outcome, err error) { errs[m.ID] = err }
	})
	tally, err := r.Collect(t.Context(), got.handle)
	if err != nil || tally != (receiver.Tally{Handled: 1, Left: 2}) {
		t.Fatalf("%+v, %v", tally, err)
	}
	if !errors.Is(errs["M1"], receiver.ErrTooLarge) || errs["M2"] == nil || errs["M3"] != nil {
		t.Errorf("%v", errs)
	}
	if n := f.count("get"); n != 1+4+1 {
		t.Errorf("%d downloads; what is too large is fetched once, what is broken four times", n)
	}
}

// A page from a proxy on the way is not taken for the message.
func TestForeignAnswerIsNotHandedOver(t *testing.T) {
	f := newFakeMESH(notice{id: "e1"}.in("M1"))
	f.fault = func(operation string, _ int) fault {
		if operation == "get" {
			return contentFault
		}
		return fine
	}
	var got collected
	tally, err := newReceiver(t, f, newClock(), nil).Collect(t.Context(), got.handle)
	if err != nil || tally != (receiver.Tally{Left: 1}) || len(got.messages) != 0 {
		t.Errorf("%+v, %v, %q", tally, err, got.ids())
	}
}
