package node_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nems/client"
	"nems/internal/node/nodetest"
)

// official reads one of the specification's example messages.
func official(t testing.TB, name string) []byte {
	t.Helper()
	message, err := os.ReadFile(filepath.Join("..", "..", "testdata", "official", name))
	if err != nil {
		t.Fatal(err)
	}
	return message
}

// taken are the official examples that are valid and publishable, with the MESH
// workflow id that the page of their event gives.
var taken = []struct{ file, code, workflow string }{
	{"vaccinations-1-new.xml", "vaccinations-1", "VACCINATIONS_1"},
	{"vaccinations-1-update.xml", "vaccinations-1", "VACCINATIONS_1"},
	{"vaccinations-1-delete.xml", "vaccinations-1", "VACCINATIONS_1"},
	{"Professional-Contacts-1-new.xml", "professional-contacts-1", "PROFESSIONALCONTACTS_1"},
	{"Professional-Contacts-1-update.xml", "professional-contacts-1", "PROFESSIONALCONTACTS_1"},
	{"Professional-Contacts-1-delete.xml", "professional-contacts-1", "PROFESSIONALCONTACTS_1"},
	{"blood-spot-test-outcome-1-new.xml", "blood-spot-test-outcome-1", "BLOODSPOTTESTOUTCOME_1"},
	{"blood-spot-test-outcome-1-update.xml", "blood-spot-test-outcome-1", "BLOODSPOTTESTOUTCOME_1"},
	{"blood-spot-test-outcome-1-delete.xml", "blood-spot-test-outcome-1", "BLOODSPOTTESTOUTCOME_1"},
	{"newborn-hearing-1-new.xml", "newborn-hearing-1", "NEWBORNHEARING_1"},
	{"newborn-hearing-1-update.xml", "newborn-hearing-1", "NEWBORNHEARING_1"},
	{"newborn-hearing-1-delete.xml", "newborn-hearing-1", "NEWBORNHEARING_1"},
	{"nipe-outcome-1-new.xml", "nipe-outcome-1", "NIPEOUTCOME_1"},
	{"nipe-outcome-1-delete.xml", "nipe-outcome-1", "NIPEOUTCOME_1"},
	{"PDS-Change-Of-GP-ems-example.xml", "pds-change-of-gp-1", "CHANGEOFGP_1"},
	{"PDS-Change-Of-Address-ems-example.xml", "pds-change-of-address-1", "CHANGEOFADDRESS_1"},
	{"PDS-Record-Change.xml", "pds-record-change-1", "PDSRECORDCHANGE_1"},
	{"PDS-Record-Change-Citizen.xml", "pds-record-change-1", "PDSRECORDCHANGE_1"},
}

// TestOfficialExamplesArriveUnchanged publishes every official example that can
// be published. The subscriber's copy must be the file, byte for byte.
func TestOfficialExamplesArriveUnchanged(t *testing.T) {
	s := nodetest.Boot(t)
	ids := map[string]string{}
	for _, e := range taken {
		if ids[e.code] == "" {
			ids[e.code] = s.Subscribe(s.Leeds(), about(nodetest.Jack)+"&MessageHeader.event="+e.code+"&tag="+e.code, nodetest.LeedsBox)
		}
	}
	for _, e := range taken {
		t.Run(e.file, func(t *testing.T) {
			arrives(t, s, official(t, e.file), e.workflow, ids[e.code]+"|"+e.code)
		})
	}
	t.Run("vaccination not given, born when Jack was", func(t *testing.T) {
		message := nodetest.Replace(t, official(t, "vaccinations-1-notgiven-new.xml"), "2019-10-12T12:00:00+00:00", "2017-10-02T12:00:00+00:00")
		arrives(t, s, message, "VACCINATIONS_1", ids["vaccinations-1"]+"|vaccinations-1")
	})
}

// arrives publishes a message and checks the only copy in Leeds' mailbox.
func arrives(t *testing.T, s *nodetest.Server, message []byte, workflow, partner string) {
	t.Helper()
	request := s.PublishRequest(message)
	if demographic(request) {
		request = s.SpineRequest(message)
	}
	answer := s.Send(request)
	if answer.Status != 202 || len(answer.Body) != 0 {
		t.Fatalf("publish: expected 202 and no body; received %d %s", answer.Status, answer.Body)
	}
	copies := s.Collect(nodetest.LeedsBox)
	if len(copies) != 1 {
		t.Fatalf("expected 1 copy; received %d", len(copies))
	}
	c := copies[0]
	if !bytes.Equal(c.Body, message) {
		t.Errorf("the copy (%d bytes) is not what was published (%d bytes)", len(c.Body), len(message))
	}
	got := client.Copy{From: c.From, To: c.To, WorkflowID: c.WorkflowID, MessageType: c.MessageType, PartnerID: c.PartnerID}
	want := client.Copy{From: "X26NEMS", To: nodetest.LeedsBox, WorkflowID: workflow, MessageType: "DATA", PartnerID: partner}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

// demographic reports whether only the Spine may make a publish.
func demographic(r *nodetest.Request) bool {
	return strings.Contains(r.Header.Get("InteractionID"), ":pds-")
}

// TestOfficialExamplesThatAreWrong publishes the examples that break STU3 or
// the rules, and checks that the answers are those in the decisions.
func TestOfficialExamplesThatAreWrong(t *testing.T) {
	s := nodetest.Boot(t)
	for _, e := range []struct {
		file   string
		status int
		code   string
	}{
		{"PDS-Death-Notification-formal-ems-example.xml", 422, "INVALID_RESOURCE"},
		{"PDS-Death-Notification-informal-ems-example.xml", 422, "INVALID_RESOURCE"},
		{"PDS-Death-Notification-removed-ems-example.xml", 422, "INVALID_RESOURCE"},
		{"nipe-outcome-1-update.xml", 422, "INVALID_RESOURCE"},
		{"BirthNotificationWithMother.xml", 400, "INVALID_NHS_NUMBER"},
		{"BirthNotificationWithoutMother.xml", 422, "REFERENCE_NOT_FOUND"},
		{"vaccinations-1-notgiven-new.xml", 400, "INVALID_PATIENT_DEMOGRAPHICS"},
	} {
		t.Run(e.file, func(t *testing.T) {
			message := official(t, e.file)
			request := s.PublishRequest(message)
			if demographic(request) {
				request = s.SpineRequest(message)
			}
			answer := s.Send(request)
			outcome, err := answer.Outcome()
			if err != nil {
				t.Fatal(err)
			}
			if answer.Status != e.status || outcome.Issues[0].Code != e.code {
				t.Errorf("expected %d %s; received %d %+v", e.status, e.code, answer.Status, outcome.Issues)
			}
		})
	}
}
