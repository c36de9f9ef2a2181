package console

import (
	"bytes"
	"crypto/sha256"
	"html"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"nems/internal/catalogue/example"
	"nems/internal/operator"
	"nems/internal/store"
	"nems/internal/store/storetest"
)

const born = "1111111111" // is not an NHS number, and stands for all that names the patient

// publish puts an event into the store whose message has markup wherever it can.
func (s site) publish() (path string, message []byte) {
	s.Helper()
	message, err := example.Message("vaccinations-1", "new", example.Patient{Family: "Fam" + born})
	s.must(err)
	message = bytes.ReplaceAll(message, []byte(`<display value="`), []byte(`<display value="`+html.EscapeString(hostile)))
	message = append(message, []byte("<!-- "+hostile+" -->")...)
	a := storetest.EventAbout(s.db.NextPosition(), storetest.Numbered(1), store.Compress(message, sha256.Sum256(message)))
	_, err = s.db.AcceptEvent(s.Context(), a)
	s.must(err)
	return "events/" + strconv.FormatInt(int64(a.Event), 10), message
}

// The page of an event shows its message to governance alone, for a reason, and runs
// nothing of it. Markup in the message stays text.
func TestEventPage(t *testing.T) {
	s := newSite(t, operator.AllRoles...)
	path, message := s.publish()
	status, body := s.get(path + "?level=strict&reveal=1&reveal-reason=Direct+care")
	if status != http.StatusOK || strings.Contains(body, born) || !strings.Contains(body, "Show identifiers, with your reason") {
		t.Errorf("without a reason: %d %s", status, body)
	}
	status, body = s.post("http://nems.test", path, url.Values{"level": {"strict"}, "reveal": {"1"}, "reveal-reason": {"Direct care"}})
	if status != http.StatusOK || !strings.Contains(body, strings.ToUpper("Fam"+born)) || !strings.Contains(body, "at the level strict") && !strings.Contains(body, "What is wrong with it") {
		t.Errorf("with a reason: %d %s", status, body)
	}
	if strings.Contains(body, "<script>") || strings.Contains(body, "style=") || !strings.Contains(body, "&lt;script&gt;") {
		t.Errorf("markup of the message is not text: %s", body)
	}

	if status, body = s.post("http://nems.test", path, url.Values{"export": {"xml"}, "why": {"An incident"}}); status != http.StatusOK || body != string(message) {
		t.Errorf("the file: status %d, %d bytes of %d", status, len(body), len(message))
	}
	if status, body = s.post("http://nems.test", path, url.Values{"export": {"xml"}}); status != http.StatusUnprocessableEntity || strings.Contains(body, born) {
		t.Errorf("the file without a reason: %d %s", status, body)
	}
	for _, name := range []string{"9", "none", url.PathEscape(hostile), "..%2f..%2fetc"} {
		if status, body := s.get("events/" + name); status != http.StatusNotFound || strings.Contains(body, "<script>") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}

	viewer := newSite(t, operator.Viewer)
	path, _ = viewer.publish()
	if status, body := viewer.get(path); status != http.StatusOK || strings.Contains(body, born) || !strings.Contains(body, "the role governance opens it") || strings.Contains(body, "Download it") {
		t.Errorf("a viewer: %d %s", status, body)
	}
	for _, form := range []url.Values{{"export": {"xml"}, "why": {"curious"}}, {"reveal": {"1"}, "reveal-reason": {"Direct care"}}} {
		if status, body := viewer.post("http://nems.test", path, form); status != http.StatusForbidden || strings.Contains(body, born) {
			t.Errorf("a viewer's %v: %d %s", form, status, body)
		}
	}
}

// Events are found by any of their names, and by forms that bring markup.
func TestEventsPage(t *testing.T) {
	s := newSite(t, operator.AllRoles...)
	path, _ := s.publish()
	if status, body := s.get("events"); status != http.StatusOK || !strings.Contains(body, "/console/"+path) {
		t.Errorf("the list: %d %s", status, body)
	}
	if status, _ := s.get("events/find?id=3cfdf880-13e9-4f6b-8299-53e96ef5ec02"); status != http.StatusSeeOther {
		t.Errorf("by its MessageHeader.id: %d", status)
	}
	for _, field := range []string{"since", "type", "kind", "outcome", "publisher", "ods", "mailbox", "patient"} {
		if status, body := s.post("http://nems.test", "events", url.Values{field: {hostile}}); status >= 500 || strings.Contains(body, "<script>") {
			t.Errorf("%s: %d %s", field, status, body)
		}
	}
}
