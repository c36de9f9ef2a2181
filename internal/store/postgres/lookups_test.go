package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/internal/store/postgres"
	"nems/internal/store/storetest"
)

// A burst of look-ups shares few queries: the first two are under way at once, and all
// others go with the next. What was found, or not, is not asked for again.
func TestLookupsShareQueries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var asked [][]int
		get, forget := postgres.Lookups(3, func(_ context.Context, keys []int) (map[int]string, error) {
			mu.Lock()
			asked = append(asked, slices.Sorted(slices.Values(keys)))
			mu.Unlock()
			time.Sleep(time.Millisecond)
			rows := map[int]string{}
			for _, k := range keys {
				if k != 7 {
					rows[k] = fmt.Sprint(k)
				}
			}
			return rows, nil
		})
		burst := func(keys ...int) {
			t.Helper()
			asked = nil
			var all sync.WaitGroup
			for _, k := range keys {
				all.Go(func() {
					if got, err := get(t.Context(), k); (k == 7) != errors.Is(err, directory.ErrNotFound) || k != 7 && got != fmt.Sprint(k) {
						t.Errorf("%d: %q, %v", k, got, err)
					}
				})
				synctest.Wait()
			}
			all.Wait()
		}
		want := func(want string) {
			t.Helper()
			if got := fmt.Sprint(asked); got != want {
				t.Errorf("asked for %s; expected %s", got, want)
			}
		}
		burst(1, 2, 3, 4, 5, 6, 7, 7)
		want("[[1] [2] [3 4 5 6 7 7]]")
		burst(6, 7, 7) // three are remembered
		want("[]")
		burst(1)
		want("[[1]]")
		forget(1)
		burst(1, 7)
		want("[[1]]")
	})
}

// What changes while it is being read is not remembered, and an error neither.
func TestLookupsDoNotRememberWhatChanges(t *testing.T) {
	var forget func(int)
	version, fails := 1, false
	get, forget := postgres.Lookups(3, func(_ context.Context, keys []int) (map[int]int, error) {
		if fails {
			return nil, errors.New("away")
		}
		before := version
		if version == 1 {
			version = 2
			forget(keys[0])
		}
		return map[int]int{keys[0]: before}, nil
	})
	fails = true
	if _, err := get(t.Context(), 5); err == nil {
		t.Error("an error was lost")
	}
	fails = false
	for _, want := range []int{1, 2, 2} {
		if got, err := get(t.Context(), 5); got != want || err != nil {
			t.Errorf("%d, %v; expected %d", got, err, want)
		}
	}
}

// queries are the statements about the directory that were sent one by one, which is all
// that look-ups send.
type queries struct {
	mu   sync.Mutex
	sent []string
}

func (q *queries) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	q.mu.Lock()
	defer q.mu.Unlock()
	if strings.Contains(d.SQL, "directory_") {
		q.sent = append(q.sent, d.SQL)
	}
	return ctx
}

func (*queries) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (q *queries) taken() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer func() { q.sent = nil }()
	return len(q.sent)
}

// Routing an event takes no round trip while its patient is remembered, and one when the
// patient is not, with practice and postcode.
func TestRoutingTakesNoRoundTrip(t *testing.T) {
	dsn := emptyDatabase(t)
	d := openShared(t, dsn, 100)
	defer d.Close()
	ctx := t.Context()
	var patients []directory.Patient
	for n := range 3 {
		patients = append(patients, directory.Patient{NHSNumber: storetest.Numbered(n + 1), GP: nhs.ODSCode(fmt.Sprint("B8605", n)), Postcode: fmt.Sprintf("LS1%d 7DF", n)})
	}
	err := errors.Join(d.PutPatients(ctx, patients), d.PutOrganisations(ctx, []directory.Organisation{{Code: "B86050", SubICB: "15F"}, {Code: "B86051"}}),
		d.PutPostcodes(ctx, []directory.PostcodePlaces{{Postcode: "LS10 7DF", Places: directory.Places{Country: "E92000001"}}}))
	if err != nil {
		t.Fatal(err)
	}
	sent := &queries{}
	if err := d.db.Trace(ctx, sent); err != nil {
		t.Fatal(err)
	}
	router := directory.Router{Patients: d, Organisations: d, Postcodes: d}
	for round, want := range []int{1, 0, 0} {
		for n, keys := range []int{4, 2, 2} { // patient, practice, its area, country; the others lie nowhere
			route, err := router.Route(ctx, directory.Subject{NHSNumber: patients[n].NHSNumber})
			if err != nil || len(route.Keys) != keys {
				t.Errorf("%d keys, %v; expected %d", len(route.Keys), err, keys)
			}
			if got := sent.taken(); got != want {
				t.Errorf("round %d, patient %d: %d round trips; expected %d", round, n, got, want)
			}
		}
	}
}
