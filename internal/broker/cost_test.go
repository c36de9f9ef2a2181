package broker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"nems/internal/access"
	"nems/internal/catalogue/example"
	"nems/internal/refuse"
)

// TestNothingIsDoneForWhoHasGone: neither publishing nor subscribing continues
// when nobody waits for the answer.
func TestNothingIsDoneForWhoHasGone(t *testing.T) {
	fx := newFixture(t)
	registered, _, err := fx.patients.System(t.Context(), publisher)
	if err != nil {
		t.Fatal(err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	caller := access.Caller{System: registered.System, ASID: publisher, Interaction: access.Interaction{Event: vaccinations}}
	if _, err := fx.Publish(gone, caller, fx.message(vaccinations, ""), ""); !errors.Is(err, context.Canceled) {
		t.Errorf("publish: %v", err)
	}
	if fx.journal.accepted.Event != 0 {
		t.Error("the event was kept")
	}
	subscription := `<Subscription xmlns="http://hl7.org/fhir"><status value="requested"/><contact><system value="url"/>` +
		`<value value="https://directory.spineservices.nhs.uk/STU3/Organization/RR8"/><use value="work"/></contact><reason value="r"/>` +
		`<criteria value="/Bundle?type=message"/><channel><type value="message"/><endpoint value="X"/></channel></Subscription>`
	if _, err := fx.Subscribe(gone, caller, []byte(subscription)); !errors.Is(err, context.Canceled) {
		t.Errorf("subscribe: %v", err)
	}
}

// TestPlacesOfAPatientAreBounded: each place costs a look-up, and a key to match
// while others wait. Repeated places cost nothing.
func TestPlacesOfAPatientAreBounded(t *testing.T) {
	fx := newFixture(t)
	message := string(fx.messageAbout("pds-change-of-address-1", example.Patient{}))
	at := strings.Index(message, "<address>")
	with := func(places, each int) []byte {
		var more strings.Builder
		for i := range places * each {
			fmt.Fprintf(&more, `<address><use value="old"/><line value="1 Road"/><postalCode value="LS%d 1AA"/><period><start value="2001-01-01"/><end value="2002-01-01"/></period></address>`, i%places)
		}
		return []byte(message[:at] + more.String() + message[at:])
	}
	if err := fx.publishAs(demographics, "pds-change-of-address-1", with(50, 100)); err != nil {
		t.Errorf("fifty places: %v", err)
	}
	var refusal *refuse.Refusal
	if err := fx.publishAs(demographics, "pds-change-of-address-1", with(5000, 1)); !errors.As(err, &refusal) || !strings.Contains(refusal.Error(), "postcodes and practices") {
		t.Errorf("five thousand places: %v", err)
	}
}
