package mailbox_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"nems/internal/audit"
	"nems/internal/mesh"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/store/storetest"
)

// published puts the copy of an event about a patient into BOB's inbox.
func (fx *fixture) published(n nhs.NHSNumber, body string) string {
	fx.t.Helper()
	criteria := "&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + n.Digits() + "&MessageHeader.event=vaccinations-1&tag=t"
	s := storetest.Subscribing(fx.t, fx.clock.now(), "BOB", criteria)
	if err := fx.boxes.Subscribe(ctx, s, audit.Entry{Action: audit.ActionSubscribe}); err != nil {
		fx.t.Fatal(err)
	}
	event := storetest.EventAbout(fx.boxes.NextPosition(), n, store.Compress([]byte(body), sha256.Sum256([]byte(body))))
	event.Patient = n
	if _, err := fx.boxes.AcceptEvent(ctx, event); err != nil {
		fx.t.Fatal(err)
	}
	return mesh.FormatMessageID(int64(event.Event), 2)
}

func patient(t testing.TB) nhs.NHSNumber {
	n, err := nhs.ParseNHSNumber("9912003888")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Each interaction leaves one entry that says who did what to which message,
// about which patient, and with what result.
func TestInteractionsAreRecorded(t *testing.T) {
	fx, jack := newFixture(t), patient(t)
	id := fx.published(jack, "hello")
	sent := fx.send("ALICE", "BOB", "W", "x")
	const denied = "Invalid Authentication Token"
	used, wrong := fx.token("BOB"), mesh.NewSigner("BOB", "guessed", []byte(sharedKey)).Token(fx.clock.now())
	auth := func(token string) map[string]string { return map[string]string{"Authorization": token} }
	bob := func(more ...string) map[string]string {
		h := auth(fx.token("BOB"))
		for i := 0; i < len(more); i += 2 {
			h[more[i]] = more[i+1]
		}
		return h
	}
	entry := func(action audit.Action, object string, status int, outcome string) audit.Entry {
		e := audit.Entry{At: testStart, Action: action, Certificate: "a.test.nhs.uk", ODS: "X26", Mailbox: "BOB", Object: object, Status: status, Outcome: outcome}
		if object == id && id != "" {
			e.EventType = "vaccinations-1"
			if outcome == "" && action != "head" { // the message was read
				e.Patient = jack
			}
		}
		return e
	}
	acknowledged := entry("acknowledge", id, 200, "")
	acknowledged.EventType = "" // for an acknowledgement the store returns only the patient
	nobody := entry("list", "", 403, denied)
	nobody.Mailbox, nobody.ODS = "", ""
	anothers := entry("download", sent, 403, "The message belongs to another mailbox")
	anothers.Mailbox = "ALICE"
	mistaken := entry("list", "", 403, "07")
	for _, c := range []struct {
		name string
		request
		want []audit.Entry
	}{
		{"handshake", request{"GET", "BOB", bob("Mex-ClientVersion", "1", "Mex-OSName", "x", "Mex-OSVersion", "1"), ""}, []audit.Entry{entry("handshake", "", 200, "")}},
		{"list", request{"GET", "BOB/inbox", auth(used), ""}, []audit.Entry{entry("list", "", 200, "")}},
		{"replayed token", request{"GET", "BOB/inbox", auth(used), ""}, []audit.Entry{entry("list", "", 403, "Error Duplicated Authentication Token")}},
		{"wrong token", request{"GET", "BOB/inbox", auth(wrong), ""}, []audit.Entry{entry("list", "", 403, denied)}},
		{"no token", request{"GET", "BOB/inbox/" + id, auth("-"), ""}, []audit.Entry{entry("download", "", 403, "Error reading from Authorization header")}},
		{"another's token", request{"GET", "BOB/inbox", auth(fx.token("ALICE")), ""}, []audit.Entry{mistaken}},
		{"no such mailbox", request{"GET", "NOBODY/inbox", auth(mesh.NewSigner("NOBODY", "x", []byte(sharedKey)).Token(fx.clock.now())), ""}, []audit.Entry{nobody}},
		{"count", request{"GET", "BOB/count", bob(), ""}, []audit.Entry{entry("count", "", 200, "")}},
		{"head", request{"HEAD", "BOB/inbox/" + id, bob(), ""}, []audit.Entry{entry("head", id, 200, "")}},
		{"download", request{"GET", "BOB/inbox/" + id, bob(), ""}, []audit.Entry{entry("download", id, 200, "")}},
		{"download packed", request{"GET", "BOB/inbox/" + id, bob("Accept-Encoding", "gzip"), ""}, []audit.Entry{entry("download", id, 200, "")}},
		{"chunk", request{"GET", "BOB/inbox/" + id + "/1", bob(), ""}, []audit.Entry{entry("download-chunk", id, 200, "")}},
		{"no such chunk", request{"GET", "BOB/inbox/" + id + "/2", bob(), ""}, []audit.Entry{entry("download-chunk", id, 404, "20")}},
		{"another's message", request{"GET", "ALICE/inbox/" + sent, nil, ""}, []audit.Entry{anothers}},
		{"message unknown", request{"GET", "BOB/inbox/patient-9912003888", bob(), ""}, []audit.Entry{entry("download", "", 404, "20")}},
		{"bad parameter", request{"GET", "BOB/inbox?max_results=9912003888", bob(), ""}, []audit.Entry{entry("list", "", 400, "HTTPValidationError")}},
		{"acknowledge", request{"PUT", "BOB/inbox/" + id + "/status/acknowledged", bob(), ""}, []audit.Entry{acknowledged}},
		{"gone", request{"GET", "BOB/inbox/" + id, bob(), ""}, []audit.Entry{entry("download", id, 410, "Message already accepted")}},
		{"history", request{"GET", "BOB/inbox/rich", bob(), ""}, []audit.Entry{entry("rich-inbox", "", 200, "")}},
		{"refused send", request{"POST", "BOB/outbox", bob("Mex-To", "NOBODY", "Mex-WorkflowID", "W"), "x"}, []audit.Entry{entry("send", "", 417, "12")}},
		{"ping", request{"GET", "_ping", nil, ""}, nil},
		{"nowhere", request{"GET", "BOB/outfit", nil, ""}, nil},
	} {
		before := len(fx.boxes.recorded(t))
		answer, body := fx.do(c.request)
		got := slices.Clone(fx.boxes.recorded(t)[before:])
		for i := range got {
			if got[i].Request.String() != answer.Header.Get("X-Request-ID") {
				t.Errorf("%s: expected the request id of the answer; recorded %s", c.name, got[i].Request)
			}
			got[i].Request = uuid.Nil
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s (%s %s)\nrecorded %+v\nwanted   %+v", c.name, answer.Status, body, got, c.want)
		}
	}
}

// A sent message is recorded once, with its id, also when it comes in chunks.
func TestSendsAreRecorded(t *testing.T) {
	fx := newFixture(t)
	recorded := func(want ...string) {
		t.Helper()
		var got []string
		for _, e := range fx.boxes.recorded(t) {
			got = append(got, fmt.Sprint(e.Action, " ", e.Mailbox, " ", e.Object, " ", e.Status))
		}
		if !slices.Equal(got, want) {
			t.Errorf("recorded %q\nwanted   %q", got, want)
		}
	}
	small := fx.send("ALICE", "BOB", "W", "x")
	large := fx.send("ALICE", "BOB", "W", strings.Repeat("x", 300<<10))
	want := []string{"send ALICE " + small + " 202", "send ALICE " + large + " 202"}
	recorded(want...)
	_, body := fx.do(request{"POST", "ALICE/outbox", to("BOB", "Mex-Chunk-Range", "1:3"), "one"})
	id := strings.Split(body, `"`)[3]
	for _, n := range []string{"2", "3"} {
		if answer, body := fx.do(request{"POST", "ALICE/outbox/" + id + "/" + n, map[string]string{"Mex-Chunk-Range": n + ":3"}, "more"}); answer.StatusCode != 202 {
			t.Fatal(body)
		}
	}
	want = append(want, "send ALICE "+id+" 202", "send-chunk ALICE "+id+" 202", "send-chunk ALICE "+id+" 202")
	recorded(want...)
}

// The entry is recorded before the first byte of a message is sent.
func TestRecordedBeforeDisclosed(t *testing.T) {
	fx := newFixture(t)
	id := fx.send("ALICE", "BOB", "W", "x")
	r, err := http.NewRequest("GET", fx.http.URL+"/messageexchange/BOB/inbox/"+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", fx.token("BOB"))
	watched := &watch{header: http.Header{}, seen: func() int { return len(fx.boxes.recorded(t)) }}
	r.URL.Path, r.RequestURI = "/messageexchange/BOB/inbox/"+id, ""
	fx.server.ServeHTTP(watched, r)
	if watched.status != 200 || watched.recorded != 2 {
		t.Errorf("status %d; %d entries before the answer began, expected those of the send and the download", watched.status, watched.recorded)
	}
}

// watch records how many entries there were when the answer began.
type watch struct {
	header           http.Header
	seen             func() int
	status, recorded int
}

func (w *watch) Header() http.Header { return w.header }
func (w *watch) WriteHeader(status int) {
	w.status, w.recorded = status, w.seen()
}
func (w *watch) Write(p []byte) (int, error) { return len(p), nil }

// Without room in the audit nothing is disclosed or changed, and no token is used
// up. Ping still answers.
func TestNoRoomNoService(t *testing.T) {
	fx := newFixture(t)
	id := fx.send("ALICE", "BOB", "W", "a secret")
	full := true
	fx.boxes.Fault = func(method string, _ bool) error {
		if full && method == "RecordRoom" {
			return store.ErrBusy
		}
		return nil
	}
	token := map[string]string{"Authorization": fx.token("BOB")}
	for _, r := range []request{
		{"GET", "BOB/inbox", token, ""}, {"GET", "BOB/inbox/" + id, token, ""}, {"HEAD", "BOB/inbox/" + id, token, ""},
		{"PUT", "BOB/inbox/" + id + "/status/acknowledged", token, ""}, {"POST", "ALICE/outbox", to("BOB"), "x"},
	} {
		answer, body := fx.do(r)
		if answer.StatusCode != 503 || answer.Header.Get("Retry-After") == "" || strings.Contains(body, "secret") || strings.Contains(body, id) {
			t.Errorf("%s %s: %s %s", r.method, r.path, answer.Status, body)
		}
	}
	if answer, _ := fx.do(request{"GET", "_ping", nil, ""}); answer.StatusCode != 200 {
		t.Errorf("ping: %s", answer.Status)
	}
	full = false
	if answer, body := fx.do(request{"GET", "BOB/inbox", token, ""}); answer.StatusCode != 200 || !strings.Contains(body, id) {
		t.Errorf("afterwards: %s %s", answer.Status, body)
	}
}

// A change that fails, or whose outcome is unknown, is recorded with the status
// of its answer.
func TestFailedChangesAreRecorded(t *testing.T) {
	for _, fault := range []error{store.ErrBusy, store.ErrUnknown, errors.New("disk on fire")} {
		fx := newFixture(t)
		id := fx.published(patient(t), "hello")
		fx.boxes.Fault = func(method string, done bool) error {
			if method == "Acknowledge" && !done {
				return fault
			}
			return nil
		}
		answer, _ := fx.do(request{"PUT", "BOB/inbox/" + id + "/status/acknowledged", map[string]string{"Authorization": fx.token("BOB")}, ""})
		got := fx.boxes.recorded(t)
		if len(got) != 1 || got[0].Action != "acknowledge" || got[0].Object != id || got[0].Status != answer.StatusCode || got[0].Outcome == "" ||
			strings.Contains(got[0].Outcome, "fire") {
			t.Errorf("%v, answered %s: recorded %+v", fault, answer.Status, got)
		}
	}
}
