package pds_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/directory"
	"nems/internal/directory/pds"
	"nems/internal/directory/pds/pdstest"
	"nems/internal/nhs"
)

// equal compares patients. NHS numbers have unexported fields, so cmp needs a function for them.
var equal = cmp.Comparer(func(a, b nhs.NHSNumber) bool { return a == b })

// PDS returns every patient of the dev world as it is embedded, except for what
// PDS holds back.
func TestPatientsAreTheEmbeddedOnes(t *testing.T) {
	fx := start(t, pdstest.Options{}, nil)
	for _, digits := range []string{
		jack, "9434765919", restricted, withdrawn, superseded, "9990000050", "9990000069", "9990000077", "9990000085",
		"9990000107", "9990000212", "9990000220", "9990000255", "9990000263", unknown,
	} {
		n := number(t, digits)
		want, wantErr := fx.expected(t, n)
		got, err := fx.Patient(t.Context(), n)
		if !errors.Is(err, wantErr) {
			t.Errorf("%s: %v, want %v", digits, err, wantErr)
		}
		if diff := cmp.Diff(want, got, equal); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", digits, diff)
		}
	}
	if got := fx.server.Requests(pdstest.Token); got != 1 {
		t.Errorf("%d requests for a token", got)
	}
	if p, err := fx.Patient(t.Context(), nhs.NHSNumber{}); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("no number: %v, %v", p, err)
	}
	keepsSecrets(t, "the log", fx.log.String())
}

// Whatever PDS does wrong, once or always, the client returns the right patient
// or none, and reveals nothing about anybody.
func TestMisbehaviour(t *testing.T) {
	pdstest.Key() // made outside the bubble, with the real clock
	for _, m := range pdstest.All() {
		for _, endpoint := range []pdstest.Endpoint{pdstest.Patient, pdstest.Token} {
			for _, forGood := range []bool{false, true} {
				if m == pdstest.Confused && forGood {
					continue // the same wrong patient every time is how PDS reports a superseded number
				}
				t.Run(fmt.Sprintf("%s, %s, %t", endpoint, m, forGood), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { misbehave(t, endpoint, m, forGood) })
				})
			}
		}
	}
}

func misbehave(t *testing.T, endpoint pdstest.Endpoint, m pdstest.Misbehaviour, forGood bool) {
	fx := start(t, pdstest.Options{Pipe: true}, nil)
	if forGood {
		fx.server.Always(endpoint, m)
	}
	for _, digits := range []string{jack, superseded, unknown, withdrawn} {
		if !forGood {
			fx.server.Next(endpoint, m)
		}
		n := number(t, digits)
		want, wantErr := fx.expected(t, n)
		got, err := fx.Patient(t.Context(), n)
		if !errors.Is(err, directory.ErrAway) && !errors.Is(err, wantErr) || err == nil && wantErr != nil {
			t.Errorf("%s: %v, want %v or away", digits, err, wantErr)
		}
		if err != nil {
			want = directory.Patient{}
			keepsSecrets(t, "the error", fmt.Sprintf("%v %+v %#v", err, err, err))
		}
		if diff := cmp.Diff(want, got, equal); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", digits, diff)
		}
		// A token belongs to no patient, so these two do not apply to it.
		ofToken := endpoint == pdstest.Token && (m == pdstest.Somebody || m == pdstest.Confused)
		if forGood && !ofToken && !errors.Is(err, directory.ErrAway) {
			t.Errorf("%s: %v: it never answered well", digits, err)
		}
	}
	keepsSecrets(t, "the log", fx.log.String())
}

// A second attempt makes up for a broken connection, and for an error of a
// server in front of PDS. A repeated JWT would make the test server fail the
// test.
func TestSecondAttempt(t *testing.T) {
	for _, m := range []pdstest.Misbehaviour{
		pdstest.DropBefore, pdstest.DropAfter, pdstest.DropHeaders, pdstest.DropBody, pdstest.Error502, pdstest.Error503,
		pdstest.Error504, pdstest.Denied401, pdstest.Somebody,
	} {
		t.Run(string(m), func(t *testing.T) {
			t.Parallel()
			fx := start(t, pdstest.Options{}, nil)
			fx.server.Next(pdstest.Patient, m)
			if p, err := fx.Patient(t.Context(), number(t, jack)); err != nil || p.Family != "DAWKINS" {
				t.Errorf("%v", err)
			}
			if got := fx.server.Requests(pdstest.Patient); got < 2 {
				t.Errorf("%d requests", got)
			}
		})
	}
}

// Another patient counts as the superseding one only when PDS says so twice.
func TestSupersededIsAskedTwice(t *testing.T) {
	fx := start(t, pdstest.Options{}, nil)
	fx.server.Next(pdstest.Patient, pdstest.Confused)
	if p, err := fx.Patient(t.Context(), number(t, jack)); !errors.Is(err, directory.ErrAway) {
		t.Fatalf("%v, %v", p.Family, err)
	}
	before := fx.server.Requests(pdstest.Patient)
	if p, err := fx.Patient(t.Context(), number(t, superseded)); err != nil || p.SupersededBy.Digits() != "9990000050" {
		t.Fatalf("%v", err)
	}
	if got := fx.server.Requests(pdstest.Patient) - before; got != 2 {
		t.Errorf("%d requests", got)
	}
	if fx.counted(pds.Unreadable) != 1 || fx.counted(pds.Found) != 1 {
		t.Errorf("outcomes %v", fx.outcomes)
	}
}

// If nobody listens, the answer is ErrAway, and reveals nothing of the address.
func TestConnectionRefused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	fx := start(t, pdstest.Options{}, func(c *pds.Config) { c.Base = "http://" + listener.Addr().String() })
	_, err = fx.Patient(t.Context(), number(t, jack))
	if !errors.Is(err, directory.ErrAway) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v", err)
	}
	keepsSecrets(t, "the error", err.Error())
	keepsSecrets(t, "the log", fx.log.String())
}

// A hundred callers for a few patients at a time share one request for each patient.
func TestOneRequestPerPatient(t *testing.T) {
	fx := start(t, pdstest.Options{}, func(c *pds.Config) { c.Concurrency = 2; c.TTL = -1 })
	var all sync.WaitGroup
	for i := range 100 {
		digits := []string{jack, "9434765919", "9990000050", "9990000069", "9990000077"}[i%5]
		all.Go(func() {
			if p, err := fx.Patient(t.Context(), number(t, digits)); err != nil || p.NHSNumber.Digits() != digits {
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	if got := fx.server.MostAtOnce(); got > 2 {
		t.Errorf("%d requests at once", got)
	}
	if got := fx.server.Requests(pdstest.Token); got != 1 {
		t.Errorf("%d requests for a token", got)
	}
	if got := fx.server.Requests(pdstest.Patient); got >= 100 {
		t.Errorf("%d requests for 5 patients", got)
	}
}

// Callers may leave at any time; the look-up goes on for the others.
func TestCallerLeaves(t *testing.T) {
	fx := start(t, pdstest.Options{}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := fx.Patient(ctx, number(t, jack)); !errors.Is(err, context.Canceled) || errors.Is(err, directory.ErrAway) {
		t.Errorf("cancelled: %v", err)
	}
	ctx, cancel = context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err := fx.Patient(ctx, number(t, jack)); !errors.Is(err, directory.ErrAway) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("too late: %v", err)
	}
	fx.Close()
	if _, err := fx.Patient(t.Context(), number(t, jack)); !errors.Is(err, directory.ErrAway) {
		t.Errorf("closed: %v", err)
	}
}

// A change that a caller makes to an answer is not visible to the next caller.
func TestAnswersAreCopies(t *testing.T) {
	fx := start(t, pdstest.Options{}, nil)
	for range 3 {
		p, err := fx.Patient(t.Context(), number(t, jack))
		if err != nil || p.Given[0] != "Jack" {
			t.Fatalf("%q, %v", p.Given, err)
		}
		p.Given[0] = "Changed"
	}
	if fx.counted(pds.Cached) != 2 {
		t.Errorf("outcomes %v", fx.outcomes)
	}
}

// Forget makes the next look-up ask PDS.
func TestForget(t *testing.T) {
	fx := start(t, pdstest.Options{}, nil)
	n := number(t, jack)
	for i := range 3 {
		if _, err := fx.Patient(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		if got := fx.server.Requests(pdstest.Patient); got != i+1 {
			t.Errorf("%d requests after %d look-ups", got, i+1)
		}
		fx.Forget(n)
	}
}

// With random faults of every kind, each answer is right or absent.
func TestTrouble(t *testing.T) {
	fx := start(t, pdstest.Options{Seed: 7}, func(c *pds.Config) {
		c.Timeout, c.TTL, c.NegativeTTL = 200*time.Millisecond, -1, -1
	})
	fx.server.Trouble(0.3, pdstest.DropBefore, pdstest.DropAfter, pdstest.DropHeaders, pdstest.DropBody, pdstest.Error500,
		pdstest.Error503, pdstest.Denied401, pdstest.HTML200, pdstest.HTML404, pdstest.Cut, pdstest.Twice, pdstest.Somebody, pdstest.Babble)
	var all sync.WaitGroup
	answered := make(chan struct{}, 400)
	for _, digits := range []string{jack, superseded, restricted, withdrawn, unknown, "9990000069", "9990000255", "9434765919"} {
		n := number(t, digits)
		want, wantErr := fx.expected(t, n)
		all.Go(func() {
			for range 50 {
				got, err := fx.Patient(t.Context(), n)
				if errors.Is(err, directory.ErrAway) {
					keepsSecrets(t, "the error", err.Error())
					continue
				}
				answered <- struct{}{}
				if diff := cmp.Diff(want, got, equal); diff != "" || !errors.Is(err, wantErr) {
					t.Errorf("%s: %v (-want +got)\n%s", digits, err, diff)
				}
			}
		})
	}
	all.Wait()
	if len(answered) < 200 {
		t.Errorf("only %d of 400 look-ups were answered", len(answered))
	}
	keepsSecrets(t, "the log", fx.log.String())
}
