package publisher_test

import (
	"context"
	"database/sql"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"nems/client"
	"nems/internal/store/postgres/pgtest"
	"nems/message"
	"nems/publisher"
	"nems/publisher/embedded"
)

func TestMain(m *testing.M) {
	if childWanted() {
		child()
		return
	}
	pgtest.Main(m)
}

// Patients of the development world.
const (
	jack = "9912003888"
	ann  = "9434765919"
)

// vaccination makes a message with a fresh id about a patient.
func vaccination(t testing.TB, number string, now time.Time) []byte {
	t.Helper()
	m, err := shot(number, now).New()
	must(t, err)
	return m
}

func shot(number string, now time.Time) message.Vaccination {
	name, born := message.HumanName{Family: "DAWKINS", Given: []string{"Jack"}}, message.Date("2017-10-02")
	if number != jack {
		name, born = message.HumanName{Family: "SPECIMEN", Given: []string{"Ann"}}, "1985-05-14"
	}
	return message.Vaccination{
		Header: message.Header{
			Timestamp:   now,
			Source:      message.Source{Name: "Clinic", ASID: "300000000161", Contact: message.Contact{System: message.Phone, Value: "0191 498 0000"}},
			Responsible: message.Organisation{ODS: "A83627", Name: "EXAMPLE SURGERY"},
		},
		Patient:    message.Patient{NHSNumber: number, Names: []message.HumanName{name}, BirthDate: born},
		Identifier: message.Identifier{System: "https://clinic.example/vaccinations", Value: "4711"},
		Procedure:  message.Snomed{Code: "308081000000105", Display: "Measles mumps and rubella vaccination - first dose (procedure)"},
		Outcome:    message.Given{Vaccine: message.Snomed{Code: "871831003", Display: "MMR"}, Batch: "LOT1"},
		Date:       message.On(now),
	}
}

var epoch = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// world is an outbox over one kind of database, and a service whose answers are told.
type world struct {
	outbox *publisher.Outbox
	db     *sql.DB
	nems   *service
	told   []publisher.Refusal

	mu    sync.Mutex
	clock time.Time
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

func (w *world) add(t *testing.T, m []byte) string {
	t.Helper()
	id, err := w.outbox.AddNow(t.Context(), m)
	must(t, err)
	return id
}

func (w *world) send(t *testing.T) {
	t.Helper()
	if _, err := w.outbox.Send(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// each runs a test over both kinds of database.
func each(t *testing.T, test func(t *testing.T, w *world)) {
	for dialect, database := range map[publisher.Dialect]func(*testing.T) *sql.DB{publisher.SQLite: sqliteDB, publisher.PostgreSQL: postgresDB} {
		t.Run(string(dialect), func(t *testing.T) {
			w := &world{nems: newService(t), db: database(t), clock: epoch}
			t.Cleanup(func() { _ = w.db.Close() })
			w.make(t, dialect)
			must(t, w.outbox.Migrate(t.Context()))
			test(t, w)
		})
	}
}

// make makes the outbox of a world that has a database.
func (w *world) make(t *testing.T, dialect publisher.Dialect) {
	t.Helper()
	var err error
	tell := func(_ context.Context, r publisher.Refusal) { w.told = append(w.told, r) }
	w.outbox, err = publisher.New(publisher.Config{
		DB: w.db, Dialect: dialect, Client: w.nems.client(), Level: publisher.Strict, Senders: 1, Now: w.now, Refused: tell, HeldBack: tell,
	})
	must(t, err)
	must(t, w.outbox.Migrate(t.Context()))
}

// open gives a world a fresh file, fast.
func open(t *testing.T, w *world, dir string) {
	t.Helper()
	file, err := os.CreateTemp(dir, "*.db")
	must(t, err)
	must(t, file.Close())
	w.db, err = embedded.OpenDB(file.Name())
	must(t, err)
	w.db.SetMaxOpenConns(1) // which need not be on the disk
	_, err = w.db.ExecContext(t.Context(), `PRAGMA synchronous = OFF`)
	must(t, err)
	w.make(t, publisher.SQLite)
}

func sqliteDB(t *testing.T) *sql.DB {
	db, err := embedded.OpenDB(filepath.Join(t.TempDir(), "outbox.db"))
	must(t, err)
	return db
}

func postgresDB(t *testing.T) *sql.DB {
	db, err := sql.Open("pgx", pgtest.Shared(t).Database(t))
	must(t, err)
	return db
}

// service is a NEMS whose answers are told. It keeps one copy for each idempotency key.
type service struct {
	server *httptest.Server

	mu      sync.Mutex
	answers map[string][]int // by idempotency key; what follows is accepted
	calls   []string
	kept    []string
	before  func()
}

const (
	lostAnswer = -1 // the message is stored, but the connection breaks
	retryAfter = 30 * time.Second
)

func newService(t testing.TB) *service {
	s := &service{answers: map[string][]int{}}
	s.server = httptest.NewServer(s)
	t.Cleanup(s.server.Close)
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	key := r.Header.Get("Idempotency-Key")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before != nil {
		s.before()
		s.before = nil
	}
	s.calls = append(s.calls, key)
	status := http.StatusAccepted
	if told := s.answers[key]; len(told) > 0 {
		status, s.answers[key] = told[0], told[1:]
	}
	if (status == http.StatusAccepted || status == lostAnswer) && !slices.Contains(s.kept, key) {
		s.kept = append(s.kept, key)
	}
	switch status {
	case lostAnswer:
		panic(http.ErrAbortHandler)
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	case http.StatusTemporaryRedirect:
		w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
	}
	w.WriteHeader(status)
	if status == http.StatusUnprocessableEntity {
		_, _ = io.WriteString(w, `<OperationOutcome xmlns="http://hl7.org/fhir"><issue><severity value="error"/><code value="invalid"/>`+
			`<details><coding><code value="INVALID_RESOURCE"/></coding></details></issue></OperationOutcome>`)
	}
}

func (s *service) client() *client.Client {
	return &client.Client{URL: s.server.URL, ASID: "300000000161", ODS: "A83627", NEMS: "111111111111"}
}

func (s *service) answer(key string, statuses ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[key] = statuses
}

func (s *service) during(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = f
}

func (s *service) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func (s *service) stored() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.kept)
}

// directory is a PDS whose answers are told.
type directory struct {
	err       error
	sensitive bool
	answer    publisher.Traced
}

func (d *directory) Trace(_ context.Context, number string) (publisher.Traced, error) {
	if d.err != nil {
		return publisher.Traced{}, d.err
	}
	traced := d.answer
	if traced.NHSNumber == "" {
		traced.NHSNumber = number
	}
	traced.Sensitive = traced.Sensitive || d.sensitive
	return traced, nil
}

func w0() *client.Client { return &client.Client{} }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
