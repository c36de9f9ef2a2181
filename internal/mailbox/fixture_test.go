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

// fixture is a server with its mailboxes.
type fixture struct {
	t      testing.TB
	clock  *clock
	boxes  *failingBoxes
	server *mailbox.Server
	http   *httptest.Server
	log    *bytes.Buffer
}

// newFixture starts a server over a store; change may alter its Config.
func newFixture(t testing.TB, change ...func(*mailbox.Config)) *fixture {
	at := &clock{at: testStart}
	boxes := newBoxes(t, at.now)
	fx := fixtureOver(t, boxes, at, change...)
	fx.boxes = boxes
	return fx
}

// trailedBoxes are mailboxes with an audit.
type trailedBoxes interface {
	mailbox.Boxes
	mailbox.Recorder
}

func fixtureOver(t testing.TB, boxes trailedBoxes, at *clock, change ...func(*mailbox.Config)) *fixture {
	fx := &fixture{t: t, clock: at, log: &bytes.Buffer{}}
	config := mailbox.Config{
		Boxes: boxes, Recorder: boxes, SharedKey: []byte(sharedKey), Now: fx.clock.now,
		Logger: slog.New(slog.NewTextHandler(fx.log, nil)), Dev: true,
		Certificate: func(*http.Request) string { return "a.test.nhs.uk" },
	}
	for _, f := range change {
		f(&config)
	}
	fx.server = mailbox.New(config)
	fx.http = httptest.NewUnstartedServer(fx.server)
	fx.http.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	fx.http.Start()
	t.Cleanup(fx.http.Close)
	return fx
}

// client works for a mailbox; change may alter its ClientConfig.
func (fx *fixture) client(box string, change ...func(*mesh.ClientConfig)) *mesh.Client {
	config := mesh.ClientConfig{
		URL: fx.http.URL, Mailbox: box, Password: "password", SharedKey: []byte(sharedKey), Now: fx.clock.now,
	}
	for _, f := range change {
		f(&config)
	}
	c, err := mesh.NewClient(config)
	if err != nil {
		fx.t.Fatal(err)
	}
	fx.t.Cleanup(c.Close)
	return c
}

func version1(c *mesh.ClientConfig) { c.Version = mesh.V1 }

// token is a fresh token of a mailbox.
func (fx *fixture) token(box string) string {
	return mesh.NewSigner(box, "password", []byte(sharedKey)).Token(fx.clock.now())
}

// request is a request built by hand. A header with the value "-" is left out.
// path is relative to /messageexchange/.
type request struct {
	method, path string
	header       map[string]string
	body         string
}

// do sends a request as ALICE, unless its headers say otherwise.
func (fx *fixture) do(r request) (*http.Response, string) {
	fx.t.Helper()
	path := "/messageexchange/" + r.path
	if strings.HasPrefix(r.path, "/") {
		path = r.path
	}
	q, err := http.NewRequest(r.method, fx.http.URL+path, strings.NewReader(r.body))
	if err != nil {
		fx.t.Fatal(err)
	}
	q.Header.Set("Authorization", fx.token("ALICE"))
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
		fx.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		fx.t.Fatal(err)
	}
	return answer, string(body)
}

// send sends a text from one mailbox to another and returns its id.
func (fx *fixture) send(from, to, workflow, text string) string {
	fx.t.Helper()
	id, err := fx.client(from).Send(context.Background(), mesh.Outgoing{
		Headers: mesh.Headers{To: to, WorkflowID: workflow}, Body: strings.NewReader(text), Size: int64(len(text)),
	})
	if err != nil {
		fx.t.Fatal(err)
	}
	return id
}

// inbox returns the ids that a mailbox lists.
func (fx *fixture) inbox(box string) []string {
	fx.t.Helper()
	in, err := fx.client(box).List(context.Background(), mesh.ListQuery{})
	if err != nil {
		fx.t.Fatal(err)
	}
	return in.Messages
}
