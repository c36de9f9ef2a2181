package form_test

import (
	"testing"
	"time"

	"nems/internal/form"
	"nems/internal/store"
	"nems/internal/subscription"
)

// What cannot be read is described by what its row says.
func TestDescribeWithoutMessage(t *testing.T) {
	at := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	id := subscription.NewID(at)
	d := store.Delivery{ID: "one", Code: "pds-change-of-gp-1", Accepted: at, Subscriptions: []subscription.ID{id}, Numbers: []uint64{7}}
	e := form.Describe(d, []byte("no message"))
	if e.ID != "one" || e.Source != form.Own || !e.Time.Equal(at) || e.Subscriptions[0] != (form.Counted{ID: id, Number: 7}) {
		t.Errorf("%+v", e)
	}
	h := e.CloudEvent(form.Signal(e.Code)).Headers("application/json")
	for name, want := range map[string]string{
		"Ce-Type": "pds-change-of-gp-2", "Ce-Sequence": "00000000000000000007", "Ce-Time": "2026-11-28T09:00:00Z", "Content-Type": "application/json",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: expected %q; received %q", name, want, got)
		}
	}
}

// Of several subscriptions each has a number, and the event none.
func TestSequenceOfSeveral(t *testing.T) {
	d := store.Delivery{Subscriptions: make([]subscription.ID, 2), Numbers: []uint64{7, 9}}
	if h := form.Describe(d, nil).CloudEvent("a").Headers(""); h.Get("ce-sequence") != "" {
		t.Errorf("%v", h)
	}
}

// Header values hold no blanks, quotes, percent signs or anything beyond ASCII
// (CloudEvents, HTTP protocol binding, section 3.1.3.2).
func TestHeaderValues(t *testing.T) {
	h := form.CloudEvent{ID: "a b\"%é", Type: "t"}.Headers("")
	if got := h.Get("ce-id"); got != "a%20b%22%25%C3%A9" {
		t.Errorf("%q", got)
	}
}
