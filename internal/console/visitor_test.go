package console

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/store/storetest"
)

// visited is a console whose visitors are whoever the test says.
func visited(t *testing.T, admit func() (Visitor, error)) site {
	t.Helper()
	s := newSite(t, operator.AllRoles...)
	s.mux = http.NewServeMux()
	desk := operator.Desk{Store: s.db, Types: embedded(t), Now: time.Now, Caller: operator.Caller{User: "jan", Proof: "sign-in:link", Roles: operator.AllRoles}}
	New(Config{Desk: desk, Types: desk.Types, Now: time.Now, Log: slog.New(slog.DiscardHandler), Admit: func(*http.Request) (Visitor, error) {
		v, err := admit()
		if d := desk; err == nil {
			d.Roles = v.Roles
			v.Desk = d
		}
		return v, err
	}}).Mount(s.mux)
	return s
}

// Whoever has not signed in is led to where they can, and back to a page. What they
// send is not kept. A store that is away does not sign anybody out.
func TestStrangers(t *testing.T) {
	var refusal error = &operator.Error{Code: operator.Unauthenticated, Message: "nobody"}
	s := visited(t, func() (Visitor, error) { return Visitor{}, refusal })
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://nems.test/console/deliveries?state=parked", nil))
	if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || to != "/console/sign-in?back=%2Fconsole%2Fdeliveries%3Fstate%3Dparked" {
		t.Errorf("a page: %d %s", w.Code, to)
	}
	status, body := s.post("http://nems.test", "audit", url.Values{"patient": {"9912003888"}, "look": {"1"}})
	if status != http.StatusUnauthorized || strings.Contains(body, "9912003888") || !strings.Contains(body, "Nothing was done") {
		t.Errorf("a form: %d %s", status, body)
	}
	refusal = &operator.Error{Code: operator.Busy, Message: "away"}
	if status, body := s.get("deliveries"); status != http.StatusServiceUnavailable || !strings.Contains(body, `http-equiv="refresh"`) {
		t.Errorf("a store that is away: %d %s", status, body)
	}
	refusal = errors.New("a defect with a detail")
	if status, body := s.get("deliveries"); status != http.StatusInternalServerError || strings.Contains(body, "detail") {
		t.Errorf("a defect: %d %s", status, body)
	}
}

// A page says which role it needs.
func TestRolesAreNamed(t *testing.T) {
	s := visited(t, func() (Visitor, error) {
		return Visitor{Name: hostile, Roles: []operator.Role{operator.Viewer}}, nil
	})
	status, body := s.get("audit")
	if status != http.StatusForbidden || !strings.Contains(body, "needs the role <b>governance</b>") || strings.Contains(body, "<script>") {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := s.get("none"); status != http.StatusNotFound {
		t.Errorf("no page: %d", status)
	}
}

// A form counts only in the session that it was made in.
func TestFormsBelongToSessions(t *testing.T) {
	token := "one"
	s := visited(t, func() (Visitor, error) { return Visitor{Name: "jan", Roles: operator.AllRoles, Token: token}, nil })
	s.fill()
	_, body := s.get("subscriptions?status=requested")
	found := idOfBox.FindStringSubmatch(body)
	if found == nil || strings.Count(body, `method="post"`) != strings.Count(body, `name="form-token" value="one"`) {
		t.Fatalf("a form without a token: %s", body)
	}
	form := url.Values{"id": found[1:]}
	for name, sent := range map[string]string{"forged": "", "of another session": "two"} {
		form.Set("form-token", sent)
		if status, body := s.post("http://nems.test", "subscriptions", form); status != http.StatusForbidden || !strings.Contains(body, "not of your present session") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	form.Set("form-token", "one")
	if status, body := s.post("http://nems.test", "subscriptions", form); status != http.StatusOK || !strings.Contains(body, "Approved: 1.") {
		t.Errorf("%d %s", status, body)
	}
}

// Identifiers are shown for one answer, to whoever may and has said why, and the
// audit has who, why and whose.
func TestReveal(t *testing.T) {
	roles := []operator.Role{operator.Viewer, operator.Governance}
	s := visited(t, func() (Visitor, error) { return Visitor{Name: "jan", Roles: roles}, nil })
	const number = "9912003888"
	patient, err := nhs.ParseNHSNumber(number)
	s.must(err)
	s.db.Record(audit.Entry{At: time.Now(), Action: audit.ActionPublish, Patient: patient})
	search := url.Values{"look": {"1"}, "since": {"24h"}, "patient": {number}}
	storetest.Eventually(t, "the event is recorded", func() bool {
		_, body := s.post("http://nems.test", "audit", search)
		return strings.Contains(body, "••• ••• 3888") && !strings.Contains(body, "<td>"+number)
	})
	reveal := url.Values{"look": {"1"}, "since": {"24h"}, "patient": {number}, "reveal": {"1"}}
	for _, reason := range []string{"", "Another reason"} {
		reveal.Set("reveal-reason", reason)
		if status, body := s.post("http://nems.test", "audit", reveal); status != http.StatusUnprocessableEntity || strings.Contains(body, "<td>"+number) {
			t.Errorf("reason %q: %d %s", reason, status, body)
		}
	}
	reveal.Set("reveal-text", hostile)
	if status, body := s.post("http://nems.test", "audit", reveal); status != http.StatusOK || !strings.Contains(body, "<td>"+number) || strings.Contains(body, "<script>") {
		t.Errorf("with a reason: %d %s", status, body)
	}
	search.Set("action", "reveal")
	storetest.Eventually(t, "it is recorded", func() bool {
		_, body := s.post("http://nems.test", "audit", search)
		return strings.Contains(body, "••• ••• 3888") && strings.Contains(body, "jan") && !strings.Contains(body, "<td>"+number)
	})
	roles = roles[:1]
	if status, body := s.post("http://nems.test", "", reveal); status != http.StatusForbidden || strings.Contains(body, number) {
		t.Errorf("a viewer: %d %s", status, body)
	}
}

// A form that is cut short is not taken for one that says less.
func TestLargeForms(t *testing.T) {
	s := newSite(t, operator.AllRoles...)
	s.fill()
	form := url.Values{"asid": {"200000000115"}, "confirmed": {"yes"}, "filler": {strings.Repeat("x", maxForm)}}
	if status, body := s.post("http://nems.test", "systems", form); status != http.StatusUnprocessableEntity || !strings.Contains(body, "too large") {
		t.Errorf("expected 422; received %d %s", status, body)
	}
	if _, body := s.get("systems"); strings.Contains(body, "revoked") {
		t.Error("it was done")
	}
}
