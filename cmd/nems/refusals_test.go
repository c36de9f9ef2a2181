package main

import (
	"encoding/json"
	"strings"
	"testing"

	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/store/storetest"
)

// TestRefusalsCommand checks that the reason of an earlier refusal can be
// found, even when the service is stopped, and that it names no patient.
func TestRefusalsCommand(t *testing.T) {
	s := nodetest.Boot(t)
	s.Send(s.PublishRequest([]byte("<Bundle><x>" + nodetest.Jack + "</x></Bundle>")))
	s.Send(s.PublishRequest([]byte("no XML")))
	list := func(args ...string) (out []operator.Refusal) {
		t.Helper()
		text := does(t, "[", append([]string{"refusals", "--since", "2000-01-01", "--format", "json", "--data", s.Config.Data}, args...)...)
		if err := json.Unmarshal([]byte(text), &out); err != nil || strings.Contains(text, nodetest.Jack) {
			t.Fatalf("%v\n%s", err, text)
		}
		return out
	}
	storetest.Eventually(t, "both are kept", func() bool { return len(list()) == 2 })
	if got := list("--code", "MESSAGE_NOT_WELL_FORMED", "--asid", nodetest.PublisherID); len(got) == 0 || got[0].Reason == "" || got[0].Action != "publish" {
		t.Errorf("received %+v", got)
	}
	if got := list("--max", "1"); len(got) != 1 {
		t.Errorf("expected 1; received %+v", got)
	}
	s.Stop()
	does(t, "400 MESSAGE_NOT_WELL_FORMED", "refusals", "--since", "2000-01-01", "--data", s.Config.Data)
}
