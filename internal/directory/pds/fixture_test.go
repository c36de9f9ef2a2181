package pds_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"nems/internal/directory"
	"nems/internal/directory/devworld"
	"nems/internal/directory/pds"
	"nems/internal/directory/pds/pdstest"
	"nems/internal/nhs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a PDS, a client of it, and everything that the client logged and observed.
type fixture struct {
	*pds.Client
	server *pdstest.Server
	people *devworld.World
	log    *lines

	mu       sync.Mutex
	outcomes map[pds.Outcome]int
}

// lines is a log that can be read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// start opens a fixture; adjust changes the client's configuration. Unless a test
// changes that, there is no rate limit and the breaker never trips.
func start(t testing.TB, o pdstest.Options, adjust func(*pds.Config)) *fixture {
	t.Helper()
	people, err := devworld.New()
	if err != nil {
		t.Fatal(err)
	}
	o.Patients = people
	fx := &fixture{people: people, log: new(lines), outcomes: map[pds.Outcome]int{}}
	fx.server = pdstest.Start(t, o)
	c := pds.Config{
		Base: fx.server.Base() + "/", TokenURL: fx.server.TokenURL(), APIKey: pdstest.APIKey, KeyID: pdstest.KeyID, Key: pdstest.Key(),
		HTTP: fx.server.Client(), Now: o.Now, Rate: 1e6, Trip: 1 << 30,
		Log: slog.New(slog.NewJSONHandler(fx.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: func(o pds.Outcome, _ time.Duration) {
			fx.mu.Lock()
			defer fx.mu.Unlock()
			fx.outcomes[o]++
		},
	}
	if adjust != nil {
		adjust(&c)
	}
	if fx.Client, err = pds.New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fx.Close)
	return fx
}

// counted returns how many look-ups had an outcome.
func (fx *fixture) counted(o pds.Outcome) int {
	fx.mu.Lock()
	defer fx.mu.Unlock()
	return fx.outcomes[o]
}

// expected is what a client of PDS can know about a patient of the world: a
// restricted record has no place and practice, and of an invalidated one
// nothing is known.
func (fx *fixture) expected(t testing.TB, n nhs.NHSNumber) (directory.Patient, error) {
	t.Helper()
	p, err := fx.people.Patient(t.Context(), n)
	switch {
	case err != nil:
		return directory.Patient{}, err
	case p.Invalid:
		return directory.Patient{NHSNumber: n, Invalid: true}, nil
	case p.Sensitive:
		p.Postcode, p.GP = "", ""
	}
	return p, nil
}

func number(t testing.TB, digits string) nhs.NHSNumber {
	t.Helper()
	n, err := nhs.ParseNHSNumber(digits)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The patients that tests ask for.
const (
	jack       = "9912003888"
	superseded = "9990000042" // by 9990000050
	withdrawn  = "9990000034"
	restricted = "9990000026"
	unknown    = "9990000018"
)

// secrets are texts that must never appear: data of patients, and tokens.
var secrets = []string{
	jack, "DAWKINS", "Jack", "2017-10-02", "LS17", "B86056",
	superseded, "9990000050", "TREMAYNE", "Lowri", withdrawn, "PENHALIGON", restricted, "HALLOWAY", unknown, pdstest.Stranger.NHSNumber.Digits(), "STRANGER",
	"Bearer", "eyJ", "access_token", "client_assertion",
}

// keepsSecrets fails the test if a text contains a secret.
func keepsSecrets(t testing.TB, what, text string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("%s gives away %q: %s", what, secret, text)
		}
	}
}
