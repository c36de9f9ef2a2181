package main

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
)

const (
	toJack  = "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + nodetest.Jack + "&MessageHeader.event=vaccinations-1"
	toLeeds = "/Bundle?type=message&subscriptionRuleType=UHV_POSTCODE_LACODE&Organization.identifier=E08000035&MessageHeader.event=vaccinations-1"
)

// refuses runs a command that must end with exit code 1 and an error that
// contains a text.
func refuses(t *testing.T, says string, args ...string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = w
	_, code := printed(t, args...)
	os.Stderr = before
	_ = w.Close()
	text, err := io.ReadAll(r) // a line fits into the pipe
	if err != nil {
		t.Fatal(err)
	}
	if code != 1 || !strings.Contains(string(text), says) {
		t.Errorf("nems %s: exit code %d, expected 1 and %q in\n%s", strings.Join(args, " "), code, says, text)
	}
}

// TestApprovingSubscriptions approves a subscription of a running service, and
// another while it is stopped.
func TestApprovingSubscriptions(t *testing.T) {
	s := nodetest.Boot(t, func(c *node.Config) { c.Activation, c.OperatorToken = "manual", "a secret" })
	data := s.Config.Data
	jack, leeds := s.Subscribe(s.Leeds(), toJack, nodetest.LeedsBox), s.Subscribe(s.National(), toLeeds, nodetest.NationalBox)
	publish := func() { s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)) }
	collected := func(when string, inLeeds, inNational int) {
		t.Helper()
		if l, n := len(s.Collect(nodetest.LeedsBox)), len(s.Collect(nodetest.NationalBox)); l != inLeeds || n != inNational {
			t.Errorf("%s: expected %d and %d copies; received %d and %d", when, inLeeds, inNational, l, n)
		}
	}
	publish()
	collected("before the approval", 0, 0)

	text := does(t, "one patient", "subscriptions", "list", "--status", "requested", "--data", data)
	if !strings.Contains(text, jack) || !strings.Contains(text, "UHV_POSTCODE_LACODE E08000035") || strings.Contains(text, nodetest.Jack) {
		t.Errorf("the list:\n%s", text)
	}
	refuses(t, "subscription "+strings.Repeat("0", 32)+": not found", "subscriptions", "approve", jack, strings.Repeat("0", 32), "--data", data)
	refuses(t, "32 letters or digits", "subscriptions", "approve", "1", "--data", data)
	publish()
	collected("refused wholly", 0, 0)
	does(t, "1 approved", "subscriptions", "approve", jack, "--data", data)
	publish()
	collected("after the approval", 1, 0)
	refuses(t, "subscription "+jack+" is active already", "subscriptions", "approve", jack, "--data", data)
	does(t, jack, "audit", "show", "--action", "subscription-approve", "--data", data)

	s.Stop()
	var one operator.Subscription
	text = does(t, leeds, "subscriptions", "list", "--status", "requested", "--format", "json", "--data", data)
	if err := json.Unmarshal([]byte(text), &one); err != nil || one.ID != leeds || one.ODS != "X26" {
		t.Errorf("%v: expected one line; received\n%s", err, text)
	}
	does(t, "1 approved", "subscriptions", "approve", leeds, "--data", data)
	refuses(t, "is active already", "subscriptions", "approve", leeds, "--data", data)
	s.Run()
	publish()
	collected("after both approvals", 1, 1)
	if text := does(t, "PROBLEM", "subscriptions", "list", "--quarantined", "--data", data); strings.Contains(text, jack) {
		t.Errorf("what can be read is in quarantine:\n%s", text)
	}
	if text := does(t, jack, "subscriptions", "list", "--ods", "rr8", "--data", data); strings.Contains(text, leeds) {
		t.Errorf("another organisation's:\n%s", text)
	}
	refuses(t, "--ods", "subscriptions", "list", "--ods", "R R", "--data", data)

	waiting := s.Subscribe(s.Leeds(), toJack+"&tag=again", nodetest.LeedsBox)
	refuses(t, "waits for approval: reject it", "subscriptions", "end", jack, waiting, "--reason", "a", "--data", data)
	refuses(t, "1 to 200 characters", "subscriptions", "end", jack, "--reason", "", "--data", data)
	does(t, "1 rejected", "subscriptions", "reject", waiting, "--reason", "the contract is missing", "--data", data)
	does(t, "1 ended", "subscriptions", "end", jack, "--reason", "the contract ran out", "--data", data)
	does(t, "1 deleted", "subscriptions", "delete", leeds, "--reason", "agreed with X26", "--data", data)
	publish()
	collected("after their end", 0, 0)
	for id, reason := range map[string]string{waiting: "the contract is missing", jack: "the contract ran out"} {
		if got := string(s.Send(s.ReadRequest(id)).Body); !strings.Contains(got, `<status value="off"/>`) || !strings.Contains(got, `<error value="`+reason+`"/>`) {
			t.Errorf("what its owner reads:\n%s", got)
		}
	}
}
