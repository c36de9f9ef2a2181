package nemstest_test

import (
	"bytes"
	"testing"
	"time"

	"nems/client"
	"nems/nemstest"
)

// TestVaccinationReachesTheHospital is what a test of yours may look like.
func TestVaccinationReachesTheHospital(t *testing.T) {
	nems := nemstest.Start(t, nemstest.Strict())
	hospital, surgery := nems.Subscriber(), nems.Publisher()

	_, err := hospital.Subscribe(t.Context(), client.Subscription{
		Criteria: client.Explicit(nemstest.Jack).Event("vaccinations-1").Search(), Mailbox: nemstest.Mailbox, Reason: "Follow-up",
	})
	if err != nil {
		t.Fatal(err)
	}
	message := nems.Message("vaccinations-1", "new")
	if _, err := surgery.Publish(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	copies := nems.Collect(nemstest.Mailbox)
	if len(copies) != 1 || !bytes.Equal(copies[0].Body, message) {
		t.Errorf("the hospital received %d copies", len(copies))
	}
	if others := nems.Collect(nemstest.Mailbox2); len(others) != 0 {
		t.Errorf("a system that did not subscribe received %d copies", len(others))
	}
}

// A subscription ends when its time has come, on a clock that the test moves.
func TestSubscriptionEnds(t *testing.T) {
	begin := time.Date(2031, time.May, 5, 9, 0, 0, 0, time.UTC)
	nems := nemstest.Start(t, nemstest.At(begin), nemstest.Observed())
	if now := nems.Now(); now.Sub(begin) > time.Minute || now.Before(begin) {
		t.Fatalf("the clock began at %s; expected %s", now, begin)
	}
	_, err := nems.OtherSubscriber().Subscribe(t.Context(), client.Subscription{
		Criteria: client.Practice("B86056").Event("pds-record-change-1").Search(), Mailbox: nemstest.Mailbox2, Reason: "For an hour", End: begin.Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := nems.Spine().Publish(t.Context(), nems.Message("pds-record-change-1", "new")); err != nil {
			t.Fatal(err)
		}
		nems.Pass(2 * time.Hour)
	}
	if copies := nems.Collect(nemstest.Mailbox2); len(copies) != 1 {
		t.Errorf("%d copies; expected the one from before the subscription's end", len(copies))
	}
}
