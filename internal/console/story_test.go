package console

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/operator"
	"nems/internal/store/storetest"
)

// send sends a form and returns the whole answer.
func (s site) send(path string, form url.Values) *httptest.ResponseRecorder {
	s.Helper()
	r := httptest.NewRequest(http.MethodPost, "http://nems.test"+Root+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://nems.test")
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	return w
}

// haunt leaves entries about a patient in the audit, with markup and formulas in
// every text.
func (s site) haunt() (number string) {
	s.Helper()
	patient := storetest.Numbered(7)
	for _, text := range []string{hostile, "=1+1", "\u202e\x1b[31m"} {
		for _, action := range []audit.Action{audit.ActionPublish, audit.ActionAcknowledge, audit.ActionApproveSubscription, audit.ActionPark, audit.Action(text)} {
			s.db.Record(audit.Entry{At: time.Now(), Action: action, Certificate: text, User: text, Reason: text, Object: text, EventType: text, Mailbox: text, Patient: patient})
			s.db.Record(audit.Entry{At: time.Now(), Action: action, Outcome: text, Mailbox: text, EventType: text, Patient: patient})
		}
	}
	storetest.Eventually(s.T, "the entries are committed", func() bool {
		_, body := s.post("http://nems.test", "audit/story", url.Values{"look": {"1"}, "patient": {patient.Digits()}, "reason": {"a test"}})
		return strings.Count(body, "<time ") >= 30
	})
	return patient.Digits()
}

// A patient's story shows what came from outside as text, names the patient in no
// link, and says why somebody looked.
func TestStoryPage(t *testing.T) {
	s := newSite(t, operator.AllRoles...)
	number := s.haunt()
	form := url.Values{"look": {"1"}, "patient": {number[:3] + " " + number[3:6] + " " + number[6:]}, "reason": {hostile}}
	storetest.Eventually(t, "somebody who looked is part of the story", func() bool {
		_, body := s.post("http://nems.test", "audit/story", form)
		return strings.Contains(body, "story was read.")
	})
	status, body := s.post("http://nems.test", "audit/story", form)
	if status != http.StatusOK || !strings.Contains(body, "&lt;script&gt;") || strings.Contains(body, "<script>") || strings.Contains(body, "\x1b") || strings.Contains(body, "\u202e") {
		t.Errorf("status %d, or markup is not shown as text: %s", status, body)
	}
	if strings.Contains(body, number) {
		t.Error("the page has the number")
	}
	if _, body := s.get("audit/story?look=1&reason=x&patient=" + number); strings.Contains(body, "<time ") || strings.Contains(body, number) {
		t.Errorf("a URL is enough: %s", body)
	}
	for name, wrong := range map[string]url.Values{
		"no reason":      {"look": {"1"}, "patient": {number}, "reason": {" "}},
		"no number":      {"look": {"1"}, "reason": {"x"}},
		"a wrong number": {"look": {"1"}, "patient": {"1234567890"}, "reason": {"x"}},
		"a wrong time":   {"look": {"1"}, "patient": {number}, "reason": {"x"}, "from": {hostile}},
		"another file":   {"look": {"1"}, "patient": {number}, "reason": {"x"}, "export": {"exe"}},
		"a file unasked": {"patient": {number}, "export": {"csv"}},
	} {
		if status, body := s.post("http://nems.test", "audit/story", wrong); status != http.StatusUnprocessableEntity || !strings.Contains(body, `role="alert"`) || strings.Contains(body, "<script>") {
			t.Errorf("%s: status %d: %s", name, status, body)
		}
	}
	if status, _ := s.post("http://elsewhere.test", "audit/story", form); status != http.StatusForbidden {
		t.Errorf("another origin: expected 403; received %d", status)
	}
}

// Files hold the same as the page, whole, and nothing that a spreadsheet would run;
// their names say nothing of the patient.
func TestStoryFiles(t *testing.T) {
	s := newSite(t, operator.AllRoles...)
	number := s.haunt()
	w := s.send("audit/story", url.Values{"patient": {number}, "reason": {"a test"}, "export": {"csv"}})
	if disposition := w.Header().Get("Content-Disposition"); w.Code != http.StatusOK || disposition != `attachment; filename="patient-story.csv"` {
		t.Fatalf("status %d, %q", w.Code, disposition)
	}
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) < 31 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		for _, cell := range row {
			if strings.HasPrefix(cell, "=") || strings.ContainsAny(cell, "\x1b\u202e") {
				t.Errorf("a cell is a formula, or cannot be shown: %q", cell)
			}
		}
	}
	w = s.send("audit/story", url.Values{"patient": {number}, "reason": {"a test"}, "export": {"json"}})
	lines := 0
	for d := json.NewDecoder(w.Body); d.More(); lines++ {
		var e operator.StoryEntry
		if err := d.Decode(&e); err != nil {
			t.Fatal(err)
		}
	}
	if lines < 30 {
		t.Errorf("JSON: %d lines", lines)
	}
	w = s.send("audit", url.Values{"patient": {number}, "export": {"csv"}})
	if rows, err = csv.NewReader(w.Body).ReadAll(); err != nil || len(rows) < 31 || strings.Contains(strings.Join(rows[1], ","), number) {
		t.Errorf("the search: %d rows, %v; or a number that is masked on the page: %q", len(rows), err, rows[1])
	}
}

// Verifying says in words what it has shown.
func TestVerifyPage(t *testing.T) {
	s := newSite(t, operator.AllRoles...)
	s.fill()
	if _, body := s.get("audit/verify?look=1"); strings.Contains(body, "Entries checked") {
		t.Error("a link is enough to verify")
	}
	if status, body := s.post("http://nems.test", "audit/verify", url.Values{"look": {"1"}}); status != http.StatusOK || !strings.Contains(body, "are linked without a gap") {
		t.Errorf("status %d: %s", status, body)
	}
}

// Only who may read the audit sees any of this.
func TestAuditIsForGovernance(t *testing.T) {
	s := newSite(t, operator.Viewer, operator.Operator, operator.Administrator)
	for _, path := range []string{"audit", "audit/story", "audit/verify"} {
		if status, _ := s.get(path); status != http.StatusForbidden {
			t.Errorf("%s: expected 403; received %d", path, status)
		}
		if w := s.send(path, url.Values{"look": {"1"}, "patient": {"9912003888"}, "reason": {"x"}, "export": {"csv"}}); w.Code != http.StatusForbidden {
			t.Errorf("%s, a form: expected 403; received %d", path, w.Code)
		}
	}
}
