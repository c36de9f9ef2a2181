package console

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/catalogue"
	"nems/internal/operator"
	"nems/internal/store"
	"nems/internal/store/sqlite"
	"nems/internal/store/sqlite/sqlitetest"
	"nems/internal/store/storetest"
)

// site is a console on a store of its own.
type site struct {
	*testing.T
	db  sqlitetest.DB
	mux *http.ServeMux
}

// embedded are the event types of the specification.
func embedded(t *testing.T) func() *catalogue.Catalogue {
	t.Helper()
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return func() *catalogue.Catalogue { return types }
}

func newSite(t *testing.T, roles ...operator.Role) site {
	t.Helper()
	s := site{t, sqlitetest.Open(t, sqlite.Options{}), http.NewServeMux()}
	desk := operator.Desk{Store: s.db, Kept: &store.RetentionRules{General: 30 * 24 * time.Hour}, Types: embedded(t), Now: time.Now, Caller: operator.Caller{User: "console", Roles: roles}}
	New(Config{Desk: desk, Roles: roles, Types: desk.Types, Now: time.Now, Log: slog.New(slog.DiscardHandler)}).Mount(s.mux)
	return s
}

func (s site) get(path string) (int, string) {
	s.Helper()
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://nems.test"+Root+path, nil))
	return w.Code, w.Body.String()
}

// post sends a form as a page from an origin does.
func (s site) post(origin, path string, form url.Values) (int, string) {
	s.Helper()
	r := httptest.NewRequest(http.MethodPost, "http://nems.test"+Root+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", origin)
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func (s site) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

const hostile = `"><script>alert(1)</script>`

// fill puts one of everything into the store, with names that a page must escape.
func (s site) fill() {
	s.Helper()
	_, err := s.db.PutMailbox(s.Context(), store.Mailbox{ID: "A", Name: hostile, ODS: "RR8", Password: "p"})
	s.must(err)
	s.must(s.db.PutSystem(s.Context(), store.System{ASID: "200000000115", Value: []byte(`{"asid":"200000000115","name":"` + strings.ReplaceAll(hostile, `"`, `\"`) + `","odsCodes":["RR8"],"interactions":[]}`)}, audit.Entry{}))
	waiting := storetest.AboutPatient(s.T, storetest.Numbered(1), "A")
	waiting.Status, waiting.Reason = "requested", hostile
	s.must(s.db.Subscribe(s.Context(), waiting, audit.Entry{}))
	row, err := s.db.PutMailbox(s.Context(), store.Mailbox{ID: "HOOK", Name: hostile, ODS: "RR8", Remote: true})
	s.must(err)
	s.must(s.db.PutEndpoint(s.Context(), store.Endpoint{
		Mailbox: store.Mailbox{Row: row}, Channel: store.WebhookChannel, Value: []byte(`{"url":"https://hooks.example/?<script>","form":"signal"}`),
	}, audit.Entry{Action: audit.ActionPutEndpoint}))
	s.db.Refused(store.Refused{At: time.Now(), Action: "publish", Reason: hostile, Code: "BAD_REQUEST", Status: 400})
	storetest.Eventually(s.T, "the refusal is kept", func() bool { return s.db.Rows(s.T, "refusal") == 1 })
}

// Every page is whole for every role, shows what is there, runs nothing that came
// from outside, and lets the browser run nothing but ours.
func TestPages(t *testing.T) {
	for name, roles := range map[string][]operator.Role{"viewer": {operator.Viewer}, "all": operator.AllRoles} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, roles...)
			s.fill()
			for _, path := range []string{"", "subscriptions", "mailboxes", "endpoints", "endpoints/HOOK", "deliveries", "refused", "systems", "event-types", "help"} {
				status, body := s.get(path)
				if status != http.StatusOK || !strings.Contains(body, "</html>") {
					t.Errorf("%q: status %d: %s", path, status, body)
				}
				if strings.Contains(body, "<script>") || strings.Contains(body, "style=") || strings.Contains(body, "onclick=") {
					t.Errorf("%q holds a script or a style of its own: %s", path, body)
				}
				if acts := strings.Contains(body, `method="post"`) && path != "subscriptions"; acts && name == "viewer" && path != "deliveries" {
					t.Errorf("%q shows a viewer a form that acts", path)
				}
			}
			want := http.StatusForbidden
			if name == "all" {
				want = http.StatusOK
			}
			if status, _ := s.get("audit"); status != want {
				t.Errorf("audit: expected %d; received %d", want, status)
			}
		})
	}
}

var idOfBox = regexp.MustCompile(`name="id" value="([^"]+)"`)

// What a form asks for is done, once it comes from a page of ours, and after a
// question where it concerns others.
func TestForms(t *testing.T) {
	s := newSite(t, operator.AllRoles...)
	s.fill()
	_, body := s.get("subscriptions?status=requested")
	found := idOfBox.FindStringSubmatch(body)
	if found == nil {
		t.Fatalf("no subscription to choose: %s", body)
	}
	choice := url.Values{"id": found[1:]}
	if status, _ := s.post("http://elsewhere.test", "subscriptions", choice); status != http.StatusForbidden {
		t.Errorf("another origin: expected 403; received %d", status)
	}
	refused := url.Values{"id": found[1:], "act": {"approve"}, "reason": {"no agreement"}} // as the Enter key sends it
	if status, body := s.post("http://nems.test", "subscriptions", refused); status != http.StatusUnprocessableEntity || !strings.Contains(body, "takes no reason") {
		t.Errorf("approve with a reason: status %d: %s", status, body)
	}
	if status, body := s.post("http://nems.test", "subscriptions", choice); status != http.StatusOK || !strings.Contains(body, "Approved: 1.") {
		t.Errorf("approve: status %d: %s", status, body)
	}
	if status, body := s.post("http://nems.test", "subscriptions", choice); status != http.StatusUnprocessableEntity || !strings.Contains(body, `role="alert"`) {
		t.Errorf("approve again: status %d: %s", status, body)
	}

	revoke := url.Values{"asid": {"200000000115"}}
	if status, body := s.post("http://nems.test", "systems", revoke); status != http.StatusOK || !strings.Contains(body, "loses all its rights") {
		t.Errorf("a question: status %d: %s", status, body)
	}
	if _, body := s.get("systems"); strings.Contains(body, "revoked") {
		t.Error("it was done before it was confirmed")
	}
	revoke.Set("confirmed", "yes")
	if status, body := s.post("http://nems.test", "systems", revoke); status != http.StatusOK || !strings.Contains(body, "is revoked") {
		t.Errorf("revoke: status %d: %s", status, body)
	}
	if status, body := s.post("http://nems.test", "deliveries", url.Values{"move": {"delete"}, "id": {"x"}}); status != http.StatusUnprocessableEntity || !strings.Contains(body, "expected retry, park or resend") {
		t.Errorf("another move: status %d: %s", status, body)
	}
}

// A patient is looked for in a form alone: no link of the answer names the number,
// and the answer shows no more of it than somebody needs who knows it.
func TestPatientsStayOutOfURLs(t *testing.T) {
	s := newSite(t, operator.AllRoles...)
	const number = "9912003888"
	if _, body := s.get("audit?look=1&patient=" + number); strings.Contains(body, "Audit entries") || strings.Contains(body, number) {
		t.Errorf("a URL is enough to search: %s", body)
	}
	form := url.Values{"look": {"1"}, "patient": {"991 200 3888"}}
	for range 2 { // the second finds the entry of the first search
		status, body := s.post("http://nems.test", "audit", form)
		if status != http.StatusOK || strings.Contains(body, number) {
			t.Fatalf("status %d: %s", status, body)
		}
		storetest.Eventually(t, "the search is recorded", func() bool {
			_, body = s.post("http://nems.test", "audit", form)
			return strings.Contains(body, "••• ••• 3888")
		})
	}
}

// Before all that a search selects is moved, the page says how many of which state and
// where, and names each.
func TestAllThatASearchSelects(t *testing.T) {
	s := newSite(t, operator.AllRoles...)
	s.fill()
	_, body := s.get("subscriptions")
	s.post("http://nems.test", "subscriptions", url.Values{"id": idOfBox.FindStringSubmatch(body)[1:]})
	s.publish()
	s.publish()
	status, body := s.post("http://nems.test", "deliveries", url.Values{"move": {"park"}, "all": {"1"}, "state": {"waiting"}})
	if status != http.StatusOK || !strings.Contains(body, "Now: 2 waiting; for A; the oldest was accepted") || strings.Count(body, `name="id"`) != 2 {
		t.Errorf("status %d: %s", status, body)
	}
	if status, body := s.post("http://nems.test", "deliveries", url.Values{"move": {"park"}, "all": {"1"}, "state": {"parked"}}); status != http.StatusUnprocessableEntity {
		t.Errorf("nothing selected: status %d: %s", status, body)
	}
}

// What takes a move back concerns the copies that it moved: those that somebody else had
// parked before stay parked.
func TestUndoLeavesWhatWasNotMoved(t *testing.T) {
	s := newSite(t, operator.AllRoles...)
	s.fill()
	_, body := s.get("subscriptions")
	s.post("http://nems.test", "subscriptions", url.Values{"id": idOfBox.FindStringSubmatch(body)[1:]})
	s.publish()
	s.publish()
	_, body = s.get("deliveries")
	found := idOfBox.FindAllStringSubmatch(body, -1)
	if len(found) != 2 {
		t.Fatalf("expected two copies to choose; received %v in %s", found, body)
	}
	first, second := found[0][1], found[1][1]
	s.post("http://nems.test", "deliveries", url.Values{"move": {"park"}, "confirmed": {"yes"}, "id": {first}})
	_, body = s.post("http://nems.test", "deliveries", url.Values{"move": {"park"}, "confirmed": {"yes"}, "id": {first, second}})
	undo := regexp.MustCompile(`(?s)<form[^>]*>(?:<input type="hidden"[^>]*>)*<p><button[^>]*>Undo`).FindString(body)
	if !strings.Contains(undo, second) || strings.Contains(undo, first) {
		t.Errorf("undo concerns other copies than the one that was moved: %q", undo)
	}
}
