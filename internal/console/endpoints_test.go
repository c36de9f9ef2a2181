package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"nems/internal/audit"
	"nems/internal/operator"
	"nems/internal/store"
	"nems/internal/store/storetest"
	"nems/internal/stream"
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

// The page of an endpoint names it and has its subscriptions. A stream is sent no test
// event, and the page of a mailbox leads to that of an endpoint.
func TestEndpointPage(t *testing.T) {
	s := newSite(t, operator.AllRoles...)
	s.fill()
	s.must(s.db.Subscribe(s.Context(), storetest.AboutPatient(s.T, storetest.Numbered(2), "HOOK"), audit.Entry{}))
	row, err := s.db.PutMailbox(s.Context(), store.Mailbox{ID: "FEED", ODS: "RR8", Remote: true})
	s.must(err)
	s.must(s.db.PutEndpoint(s.Context(), store.Endpoint{Mailbox: store.Mailbox{Row: row}, Channel: store.StreamChannel, Value: stream.Endpoint{Form: stream.Signal}.Pack()}, audit.Entry{Action: audit.ActionPutEndpoint}))
	for path, test := range map[string]struct{ has, hasNot string }{
		"endpoints/HOOK": {`<a href="/console/subscriptions/`, "It has none."},
		"endpoints/FEED": {"stream, read in the form", "Send a test event"},
		"mailboxes/FEED": {`<a href="/console/endpoints/FEED">`, "other messages"},
		"mailboxes/A":    {"<strong>A</strong>", "It is an endpoint"},
	} {
		if status, body := s.get(path); status != http.StatusOK || !strings.Contains(body, test.has) || strings.Contains(body, test.hasNot) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}
