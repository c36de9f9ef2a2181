package main

import (
	"encoding/json"
	"strings"
	"testing"

	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
)

// TestQuotaCommands shows the use of quotas: of a running service, with its
// limits, and of its data when it is stopped.
func TestQuotaCommands(t *testing.T) {
	s := nodetest.Boot(t, func(c *node.Config) { c.Quotas.System, c.Quotas.Organisation = 4, -1 })
	s.Subscribe(s.Leeds(), "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|"+nodetest.Jack+"&MessageHeader.event=vaccinations-1", nodetest.LeedsBox)
	line := func(text, owner string) string {
		for l := range strings.Lines(text) {
			if fields := strings.Fields(l); len(fields) > 0 && fields[0] == owner {
				return strings.Join(fields[1:], " ")
			}
		}
		return ""
	}
	running := does(t, "OWNER", "systems", "quota", "--data", s.Config.Data)
	if got := line(running, nodetest.LeedsID); got != "system-subscriptions 1 4 25%" {
		t.Errorf("running: %q in\n%s", got, running)
	}
	if got := line(running, "RR8"); got != "organisation-subscriptions 1 - -" {
		t.Errorf("without a limit: %q in\n%s", got, running)
	}
	does(t, "OWNER", "mailboxes", "quota", "--data", s.Config.Data)
	s.Stop()
	text := does(t, "[", "systems", "quota", "RR8", "--format", "json", "--data", s.Config.Data)
	var uses []operator.QuotaUse
	if err := json.Unmarshal([]byte(text), &uses); err != nil || len(uses) != 1 || uses[0].Used != 1 || uses[0].Limit != nil {
		t.Errorf("stopped: %v\n%s", err, text)
	}
	if text := does(t, "[]", "mailboxes", "quota", "NONE", "--format", "json", "--data", s.Config.Data); strings.Contains(text, "null") {
		t.Errorf("nobody: %s", text)
	}
}
