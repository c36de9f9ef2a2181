package courier_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nems/internal/audit"
	"nems/internal/courier"
	"nems/internal/mailbox"
	"nems/internal/mesh"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/store/sqlite"
	"nems/internal/store/sqlite/sqlitetest"
	"nems/internal/subscription"
)

var _ courier.Outbox = (*sqlite.DB)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	sharedKey = "TestKey"
	workflow  = "VACCINATIONS_1"
	eventCode = "vaccinations-1"
	day       = 24 * time.Hour
)

var start = time.Date(2026, 5, 20, 12, 0, 0, 0, time.UTC)

// clock stands still until it is moved.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time       { return start.Add(time.Duration(c.offset.Load())) }
func (c *clock) move(d time.Duration) { c.offset.Add(int64(d)) }

// fixture is a store with events for remote mailboxes, and the MESH that serves
// those mailboxes.
type fixture struct {
	t     testing.TB
	now   func() time.Time
	clock *clock
	db    sqlitetest.DB
	boxes sqlitetest.DB // the mailboxes of the MESH
	mesh  *mailbox.Server
	// client is the client of our mailbox at the MESH; its requests go through trip.
	client *mesh.Client
	trip   *trip

	mu      sync.Mutex
	audited []audit.Entry
}

// trip carries requests and may disturb them.
type trip struct {
	http.RoundTripper
	fail atomic.Pointer[func(*http.Request) error] // called before the MESH sees the request
	// lost counts calls that ended without an answer; sends counts calls that sent a message.
	lost, sends atomic.Int64
}

func (t *trip) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/outbox") {
		t.sends.Add(1)
	}
	if f := t.fail.Load(); f != nil {
		if err := (*f)(r); err != nil {
			return nil, err
		}
	}
	answer, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		t.lost.Add(1)
	}
	return answer, err
}

type setting struct {
	recipients []string // mailboxes of the MESH
	silent     bool     // none of them has a subscription
	workflows  []store.Workflow
	faults     *mailbox.Faults
	running    bool // the clock is the machine's
}

func newFixture(t testing.TB, s setting) *fixture {
	t.Helper()
	fx := &fixture{t: t, clock: &clock{}, trip: &trip{}}
	if fx.now = fx.clock.now; s.running {
		fx.now = time.Now
	}
	theirs := []store.Mailbox{{ID: "X26NEMS", Password: "password", ODS: "X26"}}
	for _, id := range s.recipients {
		theirs = append(theirs, store.Mailbox{ID: id, Password: "password", ODS: "RR8"})
	}
	fx.boxes = sqlitetest.Open(t, sqlite.Options{Now: fx.now})
	for _, m := range theirs {
		_, err := fx.boxes.PutMailbox(t.Context(), m)
		fx.must(err)
	}
	for _, f := range s.workflows {
		fx.must(fx.boxes.PutWorkflow(t.Context(), f))
	}
	fx.mesh = mailbox.New(mailbox.Config{Boxes: fx.boxes, SharedKey: []byte(sharedKey), Now: fx.now, Faults: s.faults})
	server := httptest.NewUnstartedServer(fx.mesh)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	t.Cleanup(server.Close)
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	fx.trip.RoundTripper = transport
	var err error
	fx.client, err = mesh.NewClient(mesh.ClientConfig{
		URL: server.URL, Mailbox: "X26NEMS", Password: "password", SharedKey: []byte(sharedKey), Now: fx.now, Transport: fx.trip,
	})
	fx.must(err)
	fx.db = sqlitetest.Open(t, sqlite.Options{Now: fx.now})
	for _, id := range s.recipients {
		if !s.silent {
			fx.subscribe(id, "")
		}
	}
	return fx
}

func (fx *fixture) must(err error) {
	fx.t.Helper()
	if err != nil {
		fx.t.Fatal(err)
	}
}

// subscribe subscribes a remote mailbox to the patient; it creates the mailbox if needed.
func (fx *fixture) subscribe(box, tag string) {
	fx.t.Helper()
	_, err := fx.db.PutMailbox(fx.t.Context(), store.Mailbox{ID: box, ODS: "RR8", Remote: true})
	fx.must(err)
	text := "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9912003888&MessageHeader.event=" + eventCode
	if tag != "" {
		text += "&tag=" + tag
	}
	criteria, err := subscription.ParseCriteria(text)
	fx.must(err)
	fx.must(fx.db.Subscribe(fx.t.Context(), subscription.Subscription{
		ID: subscription.NewID(fx.now()), ASID: "200000000115", ODS: "RR8", Mailbox: box, Criteria: criteria,
		Status: subscription.Active, Reason: "test", Created: fx.now(), Version: 1,
	}, audit.Entry{At: fx.now(), Action: "subscribe"}))
}

// message is the text of the nth event.
func message(n int) string {
	return fmt.Sprintf("<Bundle xmlns=\"http://hl7.org/fhir\"><id value=\"%d\"/></Bundle>", n)
}

// publish accepts the nth event, for all mailboxes.
func (fx *fixture) publish(n int) store.EventID {
	fx.t.Helper()
	patient, err := nhs.ParseNHSNumber("9912003888")
	fx.must(err)
	id, body := fx.db.NextPosition(), []byte(message(n))
	_, err = fx.db.AcceptEvent(fx.t.Context(), store.Acceptance{
		Event: id, Code: eventCode, Kind: "new", Workflow: workflow, MessageID: "m", Publisher: "300000000161",
		Body: store.Compress(body, sha256.Sum256(body)),
		Facts: subscription.Facts{EventCode: eventCode, At: new(store.Moments).Of(id),
			Keys: []subscription.RouteKey{{Kind: subscription.ByPatient, Value: patient.Digits()}}},
		Audit: audit.Entry{At: fx.now(), Action: "publish"},
	})
	fx.must(err)
	return id
}

// run starts a courier; change may alter its Config. stop ends it and waits.
func (fx *fixture) run(change ...func(*courier.Config)) (stop func()) {
	fx.t.Helper()
	config := courier.Config{
		Outbox: fx.db, Client: fx.client, Owner: "first", Now: fx.now, Poll: 2 * time.Millisecond, Reports: 5 * time.Millisecond,
		Backoff: time.Millisecond, MostBackoff: 4 * time.Millisecond, Rest: 10 * time.Millisecond,
		Record: func(e audit.Entry) {
			fx.mu.Lock()
			defer fx.mu.Unlock()
			fx.audited = append(fx.audited, e)
		},
	}
	for _, f := range change {
		f(&config)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	c := courier.New(config)
	go func() { ended <- c.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			fx.t.Error(err)
		}
	})
	fx.t.Cleanup(stop)
	return stop
}

// eventually waits until the courier has made a condition true.
func (fx *fixture) eventually(what string, holds func() bool) {
	fx.t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for !holds() {
		select {
		case <-poll.C:
		case <-deadline.C:
			fx.t.Fatalf("still not: %s", what)
		}
	}
}

// in lists the deliveries in a state.
func (fx *fixture) in(state store.State) []store.Delivery {
	fx.t.Helper()
	all, err := fx.db.Deliveries(fx.t.Context(), store.DeliveryQuery{State: state, Max: 1 << 20})
	fx.must(err)
	return all
}

// arrived lists the messages of a mailbox at the MESH, oldest first.
func (fx *fixture) arrived(box string) []store.Message {
	fx.t.Helper()
	b, err := fx.boxes.Mailbox(fx.t.Context(), box)
	fx.must(err)
	page, err := fx.boxes.List(fx.t.Context(), store.InboxQuery{Mailbox: b.Row, Max: 1 << 20})
	fx.must(err)
	all := make([]store.Message, len(page))
	for i, listed := range page {
		all[i], err = fx.boxes.Message(fx.t.Context(), b.Row, listed.Position)
		fx.must(err)
	}
	return all
}

func (fx *fixture) body(m store.Message) string {
	fx.t.Helper()
	var b strings.Builder
	fx.must(fx.boxes.Chunk(fx.t.Context(), &m, 1, &b))
	return b.String()
}

var errCut = fmt.Errorf("the test cut the line: %w", io.ErrUnexpectedEOF)

// failing makes requests fail for which f returns an error.
func (fx *fixture) failing(f func(*http.Request) error) { fx.trip.fail.Store(&f) }
