// Package pdstest is a Personal Demographics Service for tests: its FHIR API
// and its token endpoint over real HTTP. It is strict with its callers, and
// misbehaves when told to.
package pdstest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"log"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"nems/internal/directory"
	"nems/internal/nhs"
)

// The only application that the server knows.
const (
	APIKey = "pdstest-application"
	KeyID  = "pdstest-1"
)

// Key is the application's private key, the same for the whole process.
var Key = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // without randomness no test can go on
	}
	return key
})

// Options say what a Server serves.
type Options struct {
	Patients directory.Patients
	// Now is the clock by which JWTs and tokens expire; nil means time.Now.
	Now func() time.Time
	// Seed is for random misbehaviour; see Server.Trouble.
	Seed uint64
	// Pipe serves over connections in memory instead of TCP, for tests with
	// synctest's clock.
	Pipe bool
	// TokenLife is how long an access token is valid (599 s, as at the NHS).
	TokenLife time.Duration
}

// Server is the service. It fails its test when a caller breaks the rules: a
// request without an id or with another request's id, a JWT used twice, and so
// on.
type Server struct {
	Options
	t        testing.TB
	listener net.Listener
	dial     func(ctx context.Context, network, address string) (net.Conn, error)

	mu         sync.Mutex
	plans      map[Endpoint][]Misbehaviour
	always     map[Endpoint]Misbehaviour
	trouble    []Misbehaviour
	rate       float64
	random     *mathrand.Rand
	requests   map[Endpoint]int
	used       map[string]string // ids, and what each was used for
	tokens     map[string]time.Time
	inProgress int
	most       int
}

// Endpoint is a part of the service.
type Endpoint string

// The endpoints.
const (
	Token   Endpoint = "token"
	Patient Endpoint = "patient"
)

// Start serves until the test ends.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.TokenLife == 0 {
		o.TokenLife = 599 * time.Second
	}
	s := &Server{
		Options: o, t: t, dial: new(net.Dialer).DialContext,
		plans: map[Endpoint][]Misbehaviour{}, always: map[Endpoint]Misbehaviour{}, requests: map[Endpoint]int{},
		used: map[string]string{}, tokens: map[string]time.Time{}, random: mathrand.New(mathrand.NewPCG(o.Seed, 0)),
	}
	s.listen()
	server := &http.Server{Handler: http.HandlerFunc(s.serve), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("pdstest: %v", err)
		}
	})
	return s
}

func (s *Server) listen() {
	if s.Pipe {
		pipes := newPipes()
		s.listener, s.dial = pipes, pipes.dial
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.listener = listener
}

// url returns the server's address. With pipes it names a host of this machine.
func (s *Server) url() string { return "http://" + s.listener.Addr().String() }

// Base returns the API's address.
func (s *Server) Base() string { return s.url() + "/personal-demographics/FHIR/R4" }

// TokenURL returns the token endpoint's address.
func (s *Server) TokenURL() string { return s.url() + "/oauth2/token" }

// Client returns an HTTP client that reaches the server. Its connections end
// with the test.
func (s *Server) Client() *http.Client {
	transport := &http.Transport{DialContext: s.dial}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// Requests returns how many requests an endpoint received, including those that
// it handled badly.
func (s *Server) Requests(e Endpoint) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[e]
}

// MostAtOnce returns the largest number of requests that were in progress at once.
func (s *Server) MostAtOnce() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

// Revoke invalidates all access tokens issued so far.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// serve finds the endpoint and how it behaves this time.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	number, isPatient := strings.CutPrefix(r.URL.Path, "/personal-demographics/FHIR/R4/Patient/")
	endpoint := Patient
	switch {
	case isPatient && r.Method == http.MethodGet:
	case r.URL.Path == "/oauth2/token" && r.Method == http.MethodPost:
		endpoint = Token
	default:
		s.t.Errorf("pdstest: unexpected %s %s", r.Method, r.URL.Path)
		w.WriteHeader(http.StatusNotFound)
		return
	}
	done := s.count(endpoint)
	defer done()
	act := s.next(endpoint)
	if act.before(w, r, number) {
		return
	}
	a := reply{header: http.Header{}}
	if endpoint == Token {
		s.issue(&a, r)
	} else {
		s.patient(&a, r, number)
	}
	act.after(w, r, &a, s)
}

func (s *Server) count(e Endpoint) (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[e]++
	s.inProgress++
	s.most = max(s.most, s.inProgress)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.inProgress--
	}
}

// use reports whether an id is new, or was used before for the same thing.
func (s *Server) use(id, what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, used := s.used[id]
	s.used[id] = what
	return !used || before == what
}

// patient answers a GET of a Patient.
func (s *Server) patient(a *reply, r *http.Request, number string) {
	id := r.Header.Get("X-Request-ID")
	// HTTP allows a client to repeat a GET unchanged when its connection broke.
	if _, err := uuid.Parse(id); err != nil || !s.use(id, "patient "+number) {
		s.t.Errorf("pdstest: a request's X-Request-ID is missing, no UUID or another request's")
	}
	if r.Header.Get("X-Correlation-ID") == "" {
		s.t.Errorf("pdstest: a request has no X-Correlation-ID")
	}
	a.header.Set("X-Request-ID", id)
	a.header.Set("X-Correlation-ID", r.Header.Get("X-Correlation-ID"))
	if !s.known(r) {
		a.outcome(http.StatusUnauthorized, "ACCESS_DENIED")
		return
	}
	n, err := nhs.ParseNHSNumber(number)
	if err != nil {
		a.outcome(http.StatusBadRequest, "INVALID_RESOURCE_ID")
		return
	}
	p, err := s.Patients.Patient(r.Context(), n)
	switch {
	case errors.Is(err, directory.ErrNotFound):
		a.outcome(http.StatusNotFound, "RESOURCE_NOT_FOUND")
	case err != nil:
		a.outcome(http.StatusServiceUnavailable, "UNABLE_TO_CALL_SERVICE")
	case p.Invalid:
		a.outcome(http.StatusNotFound, "INVALIDATED_RESOURCE")
	default:
		a.record(p)
	}
}
