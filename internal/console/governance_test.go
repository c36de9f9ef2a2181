package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"nems/internal/operator"
)

// The pages of governance show what the desk tells, to those who may see it.
func TestGovernancePages(t *testing.T) {
	s := newSite(t, operator.AllRoles...)
	number := s.haunt()
	if status, body := s.post("http://nems.test", "governance/corrections", url.Values{"look": {"1"}, "patient": {number}, "reason": {"a test"}}); status != http.StatusOK || !strings.Contains(body, "Nothing was corrected or withdrawn") {
		t.Errorf("status %d: %s", status, body)
	}
	for name, form := range map[string]url.Values{"no reason": {"look": {"1"}, "patient": {number}}, "nobody": {"look": {"1"}, "reason": {"x"}}} {
		if status, body := s.post("http://nems.test", "governance/corrections", form); status != http.StatusUnprocessableEntity || !strings.Contains(body, `role="alert"`) {
			t.Errorf("%s: status %d", name, status)
		}
	}
	if status, body := s.get("governance/retention"); status != http.StatusOK || !strings.Contains(body, "30d") || strings.Contains(body, "Oldest kept") {
		t.Errorf("status %d: %s", status, body)
	}
	if status, body := s.post("http://nems.test", "governance/retention", url.Values{"look": {"1"}}); status != http.StatusOK || !strings.Contains(body, "Oldest kept") || !strings.Contains(body, "No event is kept for longer") {
		t.Errorf("status %d: %s", status, body)
	}
	if status, body := s.get("governance/register?ods=RR8"); status != http.StatusOK || !strings.Contains(body, "Register of processing") || strings.Contains(body, number) {
		t.Errorf("status %d: %s", status, body)
	}
	if w := s.send("governance/register", url.Values{"export": {"csv"}}); w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), "ods,organisation,role,") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	others := newSite(t, operator.Viewer, operator.Operator, operator.Administrator)
	for _, path := range []string{"governance/corrections", "governance/retention"} {
		if status, _ := others.get(path); status != http.StatusForbidden {
			t.Errorf("%s: expected 403; received %d", path, status)
		}
	}
}
