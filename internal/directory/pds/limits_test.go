package pds_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"nems/internal/directory"
	"nems/internal/directory/pds"
	"nems/internal/directory/pds/pdstest"
	"nems/internal/nhs"
)

// bubble runs a test in a synctest bubble, whose clock advances when all goroutines wait.
func bubble(t *testing.T, f func(t *testing.T)) {
	pdstest.Key() // made outside the bubble, with the real clock
	synctest.Test(t, f)
}

// pass lets time pass on the bubble's clock.
func pass(d time.Duration) { time.Sleep(d) }

// many returns different NHS numbers that no patient has.
func many(t testing.TB, count int) []nhs.NHSNumber {
	t.Helper()
	var all []nhs.NHSNumber
	for i := 0; len(all) < count; i++ {
		if n, err := nhs.ParseNHSNumber(fmt.Sprintf("%010d", 4010000000+i)); err == nil {
			all = append(all, n)
		}
	}
	return all
}

// together looks patients up at the same time and counts the answers that were ErrAway.
func together(t *testing.T, fx *fixture, numbers []nhs.NHSNumber) (away int64) {
	t.Helper()
	var all sync.WaitGroup
	var missed atomic.Int64
	for _, n := range numbers {
		all.Go(func() {
			_, err := fx.Patient(t.Context(), n)
			if errors.Is(err, directory.ErrAway) {
				missed.Add(1)
			} else if !errors.Is(err, directory.ErrNotFound) {
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	return missed.Load()
}

// While PDS is down nobody waits for it, and one look-up at a time finds out
// whether it is back.
func TestBreaker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fx := start(t, pdstest.Options{Pipe: true}, func(c *pds.Config) { c.Trip = 3 })
		numbers := many(t, 60)
		fx.server.Always(pdstest.Patient, pdstest.Error500)
		for _, n := range numbers[:3] {
			if _, err := fx.Patient(t.Context(), n); !errors.Is(err, directory.ErrAway) {
				t.Fatal(err)
			}
		}
		began, asked := time.Now(), fx.server.Requests(pdstest.Patient)
		if away := together(t, fx, numbers); away != 60 || time.Since(began) != 0 || fx.server.Requests(pdstest.Patient) != asked {
			t.Errorf("open: %d away after %v, %d requests", away, time.Since(began), fx.server.Requests(pdstest.Patient)-asked)
		}
		pass(fx.Rest + time.Nanosecond)
		fx.server.Always(pdstest.Patient, pdstest.SlowAfter)
		if away := together(t, fx, numbers); away != 60 || fx.server.Requests(pdstest.Patient) != asked+1 {
			t.Errorf("half open: %d away, %d requests", away, fx.server.Requests(pdstest.Patient)-asked)
		}
		pass(fx.Rest + time.Nanosecond)
		fx.server.Always(pdstest.Patient, pdstest.None)
		if _, err := fx.Patient(t.Context(), numbers[0]); !errors.Is(err, directory.ErrNotFound) {
			t.Errorf("back: %v", err)
		}
		if away := together(t, fx, numbers); away != 0 {
			t.Errorf("back: %d away", away)
		}
		keepsSecrets(t, "the log", fx.log.String())
	})
}

// Missing patients, throttling and callers that leave do not trip the breaker.
func TestWhatDoesNotTrip(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fx := start(t, pdstest.Options{Pipe: true}, func(c *pds.Config) { c.Trip = 1 })
		for _, n := range many(t, 5) {
			fx.server.Next(pdstest.Patient, pdstest.Busy429)
			if _, err := fx.Patient(t.Context(), n); !errors.Is(err, directory.ErrAway) {
				t.Fatal(err)
			}
			pass(pdstest.RetryAfter * time.Second)
			if _, err := fx.Patient(t.Context(), n); !errors.Is(err, directory.ErrNotFound) {
				t.Fatal(err)
			}
		}
		if fx.counted(pds.Throttled) != 5 || fx.counted(pds.NotFound) != 5 {
			t.Errorf("outcomes %v", fx.outcomes)
		}
	})
}

// Retry-After is obeyed to the second.
func TestRetryAfter(t *testing.T) {
	for _, m := range []pdstest.Misbehaviour{pdstest.Busy429, pdstest.Retry503} {
		t.Run(string(m), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				fx := start(t, pdstest.Options{Pipe: true}, nil)
				fx.server.Next(pdstest.Patient, m)
				n := number(t, jack)
				if _, err := fx.Patient(t.Context(), n); !errors.Is(err, directory.ErrAway) {
					t.Fatal(err)
				}
				pass(pdstest.RetryAfter*time.Second - time.Millisecond)
				if _, err := fx.Patient(t.Context(), n); !errors.Is(err, directory.ErrAway) || fx.server.Requests(pdstest.Patient) != 1 {
					t.Errorf("too early: %v, %d requests", err, fx.server.Requests(pdstest.Patient))
				}
				pass(time.Millisecond)
				if _, err := fx.Patient(t.Context(), n); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A Retry-After that was received while the clock was ahead ends when the clock is put right.
func TestRetryAfterByAClockThatWasAhead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var ahead atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		fx := start(t, pdstest.Options{Pipe: true, Now: now}, nil)
		away := func(what string) {
			t.Helper()
			if _, err := fx.Patient(t.Context(), number(t, jack)); !errors.Is(err, directory.ErrAway) {
				t.Errorf("%s: %v", what, err)
			}
		}
		fx.server.Next(pdstest.Patient, pdstest.Busy429, pdstest.Busy429)
		ahead.Store(int64(24 * time.Hour))
		away("asked by a clock that is ahead")
		away("left alone")
		ahead.Store(0)
		away("asked anew")
		away("left alone again")
		pass(pdstest.RetryAfter * time.Second)
		if _, err := fx.Patient(t.Context(), number(t, jack)); err != nil {
			t.Error(err)
		}
		if n := fx.server.Requests(pdstest.Patient); n != 3 {
			t.Errorf("%d requests", n)
		}
	})
}

// Five requests a second and not one more. A caller that cannot have a turn in
// time is told at once.
func TestRate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fx := start(t, pdstest.Options{Pipe: true}, func(c *pds.Config) { c.Rate = 5 })
		done := make(chan int64)
		began := time.Now()
		go func() { done <- together(t, fx, many(t, 200)) }()
		for second := range 10 {
			synctest.Wait()
			if got, most := fx.server.Requests(pdstest.Patient), 5+5*second; got > most || got < most-1 {
				t.Errorf("%d requests after %d s, want %d", got, second, most)
			}
			if second == 0 && fx.counted(pds.Busy) != 145 {
				t.Errorf("%d were told at once", fx.counted(pds.Busy))
			}
			pass(time.Second)
		}
		// One caller gets its turn at the moment when its time is up.
		if away := <-done; away != 145 && away != 146 || time.Since(began) > fx.Wait {
			t.Errorf("%d away after %v", away, time.Since(began))
		}
	})
}

// Neither a request nor a look-up takes longer than allowed.
func TestTimeouts(t *testing.T) {
	for _, m := range []pdstest.Misbehaviour{pdstest.SlowBefore, pdstest.SlowAfter, pdstest.SlowBody} {
		for _, endpoint := range []pdstest.Endpoint{pdstest.Token, pdstest.Patient} {
			t.Run(string(endpoint)+", "+string(m), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					fx := start(t, pdstest.Options{Pipe: true}, nil)
					fx.server.Always(endpoint, m)
					began := time.Now()
					_, err := fx.Patient(t.Context(), number(t, jack))
					if took := time.Since(began); !errors.Is(err, directory.ErrAway) || took != fx.Timeout {
						t.Errorf("%v after %v", err, took)
					}
					if fx.counted(pds.TimedOut) != 1 {
						t.Errorf("outcomes %v", fx.outcomes)
					}
				})
			})
		}
	}
}

// A token is replaced before it expires, so that PDS never refuses one. A token
// that is withdrawn costs one more request.
func TestTokens(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fx := start(t, pdstest.Options{Pipe: true}, func(c *pds.Config) { c.TTL = -1 })
		n := number(t, jack)
		for range 61 {
			pass(time.Minute)
			if _, err := fx.Patient(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if tokens, asked := fx.server.Requests(pdstest.Token), fx.server.Requests(pdstest.Patient); tokens != 7 || asked != 61 {
			t.Errorf("%d tokens, %d requests in an hour", tokens, asked)
		}
		fx.server.Revoke()
		if _, err := fx.Patient(t.Context(), n); err != nil {
			t.Error(err)
		}
		if tokens, asked := fx.server.Requests(pdstest.Token), fx.server.Requests(pdstest.Patient); tokens != 8 || asked != 63 {
			t.Errorf("%d tokens, %d requests after withdrawal", tokens, asked)
		}
	})
}

// However the client is used, an answer is what PDS had at some moment within
// the time to live.
func TestNeverStale(t *testing.T) {
	const ttl, negative = 60, 10 // seconds
	base := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var second atomic.Int64
	now := func() time.Time { return base.Add(time.Duration(second.Load()) * time.Second) }
	fx := start(t, pdstest.Options{Now: now, TokenLife: 24 * time.Hour}, nil)
	known, nobody := number(t, jack), number(t, unknown)
	rapid.Check(t, func(r *rapid.T) {
		second.Store(0)
		c := fx.Config
		c.Size = rapid.IntRange(1, 3).Draw(r, "size")
		client, err := pds.New(c)
		if err != nil {
			r.Fatal(err)
		}
		defer client.Close()
		ended := map[int]int64{} // when a version was replaced
		version := 0
		change := func() {
			ended[version] = second.Load()
			version++
			p, err := fx.people.Patient(t.Context(), known)
			if err != nil {
				r.Fatal(err)
			}
			p.Family = fmt.Sprint("V", version)
			if err := fx.people.PutPatients(t.Context(), []directory.Patient{p}); err != nil {
				r.Fatal(err)
			}
		}
		change()
		asked := int64(0) // when PDS was asked for the unknown patient
		r.Repeat(map[string]func(*rapid.T){
			"pass":   func(r *rapid.T) { second.Add(int64(rapid.IntRange(1, 40).Draw(r, "seconds"))) },
			"change": func(*rapid.T) { change() },
			"look": func(r *rapid.T) {
				p, err := client.Patient(t.Context(), known)
				if err != nil {
					r.Fatal(err)
				}
				var got int
				if _, err := fmt.Sscanf(p.Family, "V%d", &got); err != nil {
					r.Fatal(err)
				}
				if end, old := ended[got]; old && second.Load()-end >= ttl {
					r.Fatalf("version %d ended %d s ago", got, second.Load()-end)
				}
			},
			"look for nobody": func(r *rapid.T) {
				before := fx.server.Requests(pdstest.Patient)
				if _, err := client.Patient(t.Context(), nobody); !errors.Is(err, directory.ErrNotFound) {
					r.Fatal(err)
				}
				if fx.server.Requests(pdstest.Patient) > before {
					asked = second.Load()
				} else if second.Load()-asked >= negative {
					r.Fatalf("not found %d s ago", second.Load()-asked)
				}
			},
			"forget": func(r *rapid.T) {
				client.Forget(known)
				p, err := client.Patient(t.Context(), known)
				if err != nil || p.Family != fmt.Sprint("V", version) {
					r.Fatalf("%s after forgetting, want version %d (%v)", p.Family, version, err)
				}
			},
		})
	})
}
