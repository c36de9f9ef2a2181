package mailbox_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"nems/internal/mailbox"
	"nems/internal/mesh"
	"nems/internal/store"
)

const sharedKey = "TestKey"

// The mailboxes and workflows of the sandbox's own tests.
var (
	testMailboxes = []store.Mailbox{
		{ID: "ALICE", Name: "TESTMB1", ODS: "X26", Password: "password"},
		{ID: "BOB", Name: "TESTMB2", ODS: "X26", Password: "password"},
		{ID: "BARRY", Name: "TESTMB3", ODS: "X27", Password: "password"},
		{ID: "FAR", Name: "Elsewhere", ODS: "X27", Remote: true},
	}
	testWorkflows = []store.Workflow{
		{ID: "RESTRICTED_WORKFLOW", Senders: []string{"ALICE"}, Receivers: []string{"BOB"}},
		{ID: "ANOTHER_WORKFLOW", Senders: []string{"BOB"}, Receivers: []string{"BARRY", "ALICE"}},
	}
	testStart = time.Date(2026, 5, 20, 12, 0, 0, 0, time.UTC)
)

// clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// world is a server with its mailboxes.
type world struct {
	t      testing.TB
	clock  *clock
	boxes  *failingBoxes
	server *mailbox.Server
	http   *httptest.Server
	log    *bytes.Buffer
}

// newWorld starts a server over a store; change may alter its Config.
func newWorld(t testing.TB, change ...func(*mailbox.Config)) *world {
	at := &clock{at: testStart}
	boxes := newBoxes(t, at.now)
	w := worldOver(t, boxes, at, change...)
	w.boxes = boxes
	return w
}

// trailedBoxes keep mailboxes and their audit.
type trailedBoxes interface {
	mailbox.Boxes
	mailbox.Recorder
}

func worldOver(t testing.TB, boxes trailedBoxes, at *clock, change ...func(*mailbox.Config)) *world {
	w := &world{t: t, clock: at, log: &bytes.Buffer{}}
	config := mailbox.Config{
		Boxes: boxes, Recorder: boxes, SharedKey: []byte(sharedKey), Now: w.clock.now,
		Logger: slog.New(slog.NewTextHandler(w.log, nil)), Dev: true,
		Certificate: func(*http.Request) string { return "a.test.nhs.uk" },
	}
	for _, f := range change {
		f(&config)
	}
	w.server = mailbox.New(config)
	w.http = httptest.NewUnstartedServer(w.server)
	w.http.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	w.http.Start()
	t.Cleanup(w.http.Close)
	return w
}

// client works for a mailbox; change may alter its ClientConfig.
func (w *world) client(box string, change ...func(*mesh.ClientConfig)) *mesh.Client {
	config := mesh.ClientConfig{
		URL: w.http.URL, Mailbox: box, Password: "password", SharedKey: []byte(sharedKey), Now: w.clock.now,
	}
	for _, f := range change {
		f(&config)
	}
	c, err := mesh.NewClient(config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

func version1(c *mesh.ClientConfig) { c.Version = mesh.V1 }

// token is a fresh token of a mailbox.
func (w *world) token(box string) string {
	return mesh.NewSigner(box, "password", []byte(sharedKey)).Token(w.clock.now())
}

// request is a request by hand. A header whose value is "-" is left out; path
// is relative to /messageexchange/.
type request struct {
	method, path string
	header       map[string]string
	body         string
}

// do sends a request as ALICE, unless its headers say otherwise.
func (w *world) do(r request) (*http.Response, string) {
	w.t.Helper()
	path := "/messageexchange/" + r.path
	if strings.HasPrefix(r.path, "/") {
		path = r.path
	}
	q, err := http.NewRequest(r.method, w.http.URL+path, strings.NewReader(r.body))
	if err != nil {
		w.t.Fatal(err)
	}
	q.Header.Set("Authorization", w.token("ALICE"))
	q.Header.Set("Accept", mesh.MediaV2)
	for name, value := range r.header {
		if value == "-" {
			q.Header.Del(name)
			continue
		}
		q.Header.Set(name, value)
	}
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	answer, err := transport.RoundTrip(q)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer, string(body)
}

// send sends a text from one mailbox to another and returns its id.
func (w *world) send(from, to, workflow, text string) string {
	w.t.Helper()
	id, err := w.client(from).Send(context.Background(), mesh.Outgoing{
		Headers: mesh.Headers{To: to, WorkflowID: workflow}, Body: strings.NewReader(text), Size: int64(len(text)),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// inbox returns the ids that a mailbox lists.
func (w *world) inbox(box string) []string {
	w.t.Helper()
	in, err := w.client(box).List(context.Background(), mesh.ListQuery{})
	if err != nil {
		w.t.Fatal(err)
	}
	return in.Messages
}
