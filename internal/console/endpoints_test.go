package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"nems/internal/operator"
)

// An endpoint is switched off after a question, and on again.
func TestEndpointSwitches(t *testing.T) {
	s := newSite(t, operator.AllRoles...)
	s.fill()
	off := url.Values{"do": {"disable"}}
	if status, body := s.post("http://nems.test", "endpoints/HOOK", off); status != http.StatusOK || !strings.Contains(body, "Switch off HOOK") {
		t.Fatalf("asks: %d %s", status, body)
	}
	if _, body := s.get("endpoints"); !strings.Contains(body, "no consent yet") {
		t.Errorf("off before it was confirmed: %s", body)
	}
	off.Set("confirmed", "1")
	if status, body := s.post("http://nems.test", "endpoints/HOOK", off); status != http.StatusOK || !strings.Contains(body, "switched off by an operator") {
		t.Errorf("off: %d %s", status, body)
	}
	if status, body := s.post("http://nems.test", "endpoints/HOOK", url.Values{"do": {"enable"}}); status != http.StatusOK || strings.Contains(body, "switched off by") {
		t.Errorf("on: %d %s", status, body)
	}
	if status, body := s.post("http://nems.test", "endpoints/HOOK", url.Values{"do": {"explode"}}); status != http.StatusUnprocessableEntity || !strings.Contains(body, "expected test, enable or disable") {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := s.get("endpoints/NOBODY"); status != http.StatusNotFound {
		t.Errorf("an endpoint that is not there: %d", status)
	}
}

// A channel that is off takes no endpoint, and what was written stays in the form.
func TestEndpointOfChannelThatIsOff(t *testing.T) {
	s := newSite(t, operator.AllRoles...)
	status, body := s.post("http://nems.test", "endpoints/new", url.Values{"endpoint": {"MINE"}, "ods": {"rr8"}, "channel": {"webhook"}, "url": {"https://hooks.example/"}, "form": {"signal"}})
	if status != http.StatusUnprocessableEntity || !strings.Contains(body, "The channel webhook is off") || !strings.Contains(body, `value="MINE"`) {
		t.Errorf("%d %s", status, body)
	}
}
