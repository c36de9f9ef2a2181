package api_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nems/internal/access"
	"nems/internal/api"
	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/catalogue"
	"nems/internal/directory/devworld"
	"nems/internal/fhir"
	"nems/internal/jwt"
	"nems/internal/nhs"
	"nems/internal/spine"
	"nems/internal/store"
	"nems/internal/store/sqlite"
	"nems/internal/store/sqlite/sqlitetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is the API over a real broker, the development world and a database
// in a throwaway folder.
type fixture struct {
	testing.TB
	*devworld.World
	api *api.API
	db  sqlitetest.DB
	log *bytes.Buffer

	mu      sync.Mutex
	now     time.Time
	entries []audit.Entry // what was recorded beside the broker
	// refusals are those whose reasons were kept.
	refusals []store.Refused
	changed  map[nhs.ASID]access.System
	full     atomic.Bool // the store's queue, for what changes many at once
}

// journal is the store; its queue can be made full.
type journal struct {
	sqlitetest.DB
	fx *fixture
}

func (j journal) SubscribeAll(ctx context.Context, all []store.Creation) ([]error, error) {
	if j.fx.full.Load() {
		return nil, store.ErrBusy
	}
	return j.DB.SubscribeAll(ctx, all)
}

// System is the registry: the development world's, but for what a test changed.
func (fx *fixture) System(ctx context.Context, asid nhs.ASID) (spine.Registration, bool, error) {
	if s, ok := fx.changed[asid]; ok {
		return spine.Registration{System: s}, true, nil
	}
	return fx.World.System(ctx, asid)
}

// only changes a system's registration.
func (fx *fixture) only(s access.System) { fx.changed = map[nhs.ASID]access.System{s.ASID: s} }

// Record is the API's recorder.
func (fx *fixture) Record(e audit.Entry) {
	fx.mu.Lock()
	defer fx.mu.Unlock()
	fx.entries = append(fx.entries, e)
}

// tests is the broker's: webhooks alone can be tested.
func (fx *fixture) tests(c store.Channel) func(context.Context, store.Endpoint) (store.Attempt, error) {
	if c != store.WebhookChannel {
		return nil
	}
	return func(_ context.Context, e store.Endpoint) (store.Attempt, error) {
		return store.Attempt{At: fx.clock(), Took: 3 * time.Millisecond, Status: 418, Why: "answered 418 at " + e.Mailbox.ID}, nil
	}
}

// Refused is the API's recorder of refusals.
func (fx *fixture) Refused(r store.Refused) {
	fx.mu.Lock()
	defer fx.mu.Unlock()
	fx.refusals = append(fx.refusals, r)
}

func newFixture(t testing.TB, change ...func(*api.Config)) *fixture {
	t.Helper()
	dev, err := devworld.New()
	must(t, err)
	fx := &fixture{TB: t, World: dev, log: &bytes.Buffer{}, now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)}
	fx.openDB()
	types, err := catalogue.Embedded()
	must(t, err)
	c := api.Config{
		Broker: broker.New(broker.Config{
			Journal: journal{fx.db, fx}, Mailboxes: fx.db, Events: fx.db, Copies: fx.db, Numbers: fx.db, Replays: fx.db, Catalogue: func() *catalogue.Catalogue { return types },
			Patients: dev, Organisations: dev, Postcodes: dev, Level: catalogue.Level("standard"),
			AcceptUnknownPatients: true, Now: fx.clock, Record: fx.Record, Tests: fx.tests,
		}),
		Door:     &spine.Door{NEMS: devworld.NEMS, AllowUnsigned: true, Now: fx.clock, Systems: fx},
		Recorder: fx, Base: func(*http.Request) string { return "http://nems.test" }, Now: fx.clock,
		Log: slog.New(slog.NewTextHandler(fx.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&c)
	}
	fx.api = api.New(c)
	return fx
}

func (fx *fixture) clock() time.Time {
	fx.mu.Lock()
	defer fx.mu.Unlock()
	return fx.now
}

// advance moves the clock on.
func (fx *fixture) advance(d time.Duration) {
	fx.mu.Lock()
	defer fx.mu.Unlock()
	fx.now = fx.now.Add(d)
}

func (fx *fixture) openDB() {
	db := sqlitetest.Open(fx, sqlite.Options{Now: fx.clock})
	for _, box := range devworld.Mailboxes() {
		_, err := db.PutMailbox(fx.Context(), store.Mailbox{ID: box.ID, Name: box.Name, ODS: box.ODS, Password: box.Password})
		must(fx, err)
	}
	fx.db = db
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// system is a caller of the development world.
type system struct {
	asid nhs.ASID
	ods  nhs.ODSCode
}

var (
	leeds     = system{"200000000115", "RR8"}
	national  = system{"200000000116", "X26"}
	publisher = system{"300000000161", "A83627"}
)

// request is a call by a system, with the token and headers that it needs.
func (fx *fixture) request(s system, method, path, interaction string, body string) *http.Request {
	scope := jwt.ScopeWrite
	switch {
	case interaction == access.ReadInteraction:
		scope = jwt.ScopeRead
	case strings.HasSuffix(path, "$process-message"):
		scope = jwt.ScopePublish
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	token := jwt.Token{Issuer: "http://test", Audience: "http://nems.test", Issued: fx.clock(), ASID: s.asid, ODS: s.ods, Reason: "directcare", Scope: scope}
	r.Header = http.Header{
		"Authorization": {"Bearer " + token.Unsigned()}, "Fromasid": {string(s.asid)}, "Toasid": {string(devworld.NEMS)},
		"Interactionid": {interaction}, "Accept": {"application/fhir+xml"}, "Content-Type": {"application/fhir+xml"},
	}
	return r
}

func (fx *fixture) send(r *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	fx.api.ServeHTTP(answer, r)
	return answer
}

// subscribe creates a subscription and returns its id.
func (fx *fixture) subscribe(s system, mailbox, criteria string) string {
	fx.Helper()
	answer := fx.send(fx.request(s, "POST", "/STU3/Subscription", access.CreateInteraction, resource(s, mailbox, criteria)))
	if answer.Code != 201 {
		fx.Fatalf("subscribe: %d %s", answer.Code, answer.Body)
	}
	fx.advance(time.Millisecond) // so that ids have an order
	location := answer.Header().Get("Location")
	return location[strings.LastIndexByte(location, '/')+1:]
}

// resource is a Subscription as a client creates it.
func resource(s system, mailbox, criteria string) string {
	w := fhir.NewWriter("Subscription")
	w.Value("status", "requested")
	w.Open("contact").Value("system", "url").Value("value", "https://directory.spineservices.nhs.uk/STU3/Organization/"+string(s.ods)).Value("use", "work").Close()
	w.Value("reason", "A test").Value("criteria", criteria)
	w.Open("channel").Value("type", "message").Value("endpoint", mailbox).Close()
	return string(w.Bytes())
}

const patientCriteria = "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|"

// about returns criteria for events of a patient.
func about(number string, events ...string) string {
	return patientCriteria + number + "&MessageHeader.event=" + strings.Join(events, "&MessageHeader.event=")
}

// number returns the nth of a series of valid NHS numbers.
func number(n int) string {
	for n *= 2; ; n++ {
		digits := fmt.Sprintf("9%08d", n%100_000_000)
		for check := range 10 {
			if _, err := nhs.ParseNHSNumber(fmt.Sprint(digits, check)); err == nil {
				return fmt.Sprint(digits, check)
			}
		}
	}
}

// parse reads the resource of an answer, which must be valid STU3, in either format.
func parse(t testing.TB, answer *httptest.ResponseRecorder) fhir.Node {
	t.Helper()
	body := answer.Body.Bytes()
	if strings.Contains(answer.Header().Get("Content-Type"), "json") {
		xml, findings, err := fhir.JSONToXML(body)
		if err != nil || len(findings) > 0 {
			t.Fatalf("not FHIR JSON: %v %v", err, findings)
		}
		body = xml
	}
	doc, findings, err := fhir.ParseXML(body)
	if err != nil || len(findings) > 0 {
		t.Fatalf("not a valid resource: %v %v: %s", err, findings, body)
	}
	return doc.Root()
}

// refused checks status and Spine code of an answer and returns its diagnostics.
func refused(t testing.TB, answer *httptest.ResponseRecorder, status int, code string) string {
	t.Helper()
	if answer.Code != status {
		t.Fatalf("expected %d %s; received %d %s", status, code, answer.Code, answer.Body)
	}
	root := parse(t, answer)
	if got := root.At("issue", "details", "coding", "code").Value(); root.Name() != "OperationOutcome" || got != code {
		t.Errorf("expected an OperationOutcome with %s; received %s with %s", code, root.Name(), got)
	}
	return root.At("issue", "diagnostics").Value()
}

// silent checks that the log holds no NHS number and no token.
func (fx *fixture) silent() {
	fx.Helper()
	log := fx.log.String()
	if strings.Contains(log, "99120038") || strings.Contains(log, base64.RawURLEncoding.EncodeToString([]byte(`{"alg"`))) {
		fx.Errorf("the log holds a patient's number or a token:\n%s", log)
	}
}
