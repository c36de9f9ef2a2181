package main

import (
	"encoding/json"
	"strings"
	"testing"

	"nems/internal/node/nodetest"
	"nems/internal/operator"
)

// The id of a request leads from its answer to what it left in the audit: a publish,
// which is recorded in its commit, a refusal and a MESH request alike.
func TestTheAuditIsSearchedByRequest(t *testing.T) {
	s := nodetest.Boot(t)
	message := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
	search := func(id string) string {
		text, _ := printed(t, "audit", "show", "--request", id, "--format", "json", "--data", s.Config.Data)
		return strings.TrimSpace(text)
	}
	found := func(id, action string, status int) {
		t.Helper()
		s.Eventually(action+" is in the audit", func() bool {
			var r operator.Record
			text := search(id)
			return json.Unmarshal([]byte(text), &r) == nil && string(r.Action) == action && r.Status == status && r.Request == id
		})
	}
	published := s.Send(s.PublishRequest(message))
	found(published.Header.Get("X-Request-ID"), "publish", 202)
	refused := s.Send(s.PublishRequest([]byte("<")))
	found(refused.Header.Get("X-Request-ID"), "publish", 400)
	listed := s.Get("/messageexchange/" + nodetest.LeedsBox + "/inbox")
	found(listed.Header.Get("X-Request-ID"), "list", listed.Status)
	if text := search("6ba7b810-9dad-11d1-80b4-00c04fd430c8"); text != "" {
		t.Errorf("another request's entries were found: %s", text)
	}
	fails(t, "audit", "show", "--request", nodetest.Jack, "--data", s.Config.Data)
	does(t, "without a gap", "audit", "verify", "--data", s.Config.Data)
}
