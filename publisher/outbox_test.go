package publisher_test

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"nems/publisher"
)

// A message is sent if, and only if, the transaction that decided it is committed.
func TestAddIsOfTheTransaction(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, commit := range []bool{false, true} {
			tx, err := w.db.BeginTx(t.Context(), nil)
			must(t, err)
			id, err := w.outbox.Add(t.Context(), tx, vaccination(t, jack, w.now()))
			must(t, err)
			if commit {
				must(t, tx.Commit())
			} else {
				must(t, tx.Rollback())
			}
			w.send(t)
			if got := w.nems.stored(); commit && !slices.Equal(got, []string{id}) || !commit && len(got) > 0 {
				t.Fatalf("committed: %t; the service has %q", commit, got)
			}
		}
	})
}

func TestWhatWouldBeRefusedIsNotAdded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		broken := []byte(strings.Replace(string(vaccination(t, jack, w.now())), `<notGiven value="false"/>`, "", 1))
		var wrong *publisher.CheckError
		if _, err := w.outbox.AddNow(t.Context(), broken); !errors.As(err, &wrong) || len(wrong.Findings) == 0 || wrong.Findings[0].Line == 0 {
			t.Fatalf("received %v", err)
		}
		if strings.Contains(wrong.Error(), jack) {
			t.Error("the error holds the patient's number")
		}
	})
}

// The same message is one message, however often it is added; another one with its id is none.
func TestAddedTwice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		m := vaccination(t, jack, w.now())
		id := w.add(t, m)
		if again := w.add(t, m); again != id {
			t.Fatalf("the ids are %s and %s", id, again)
		}
		other := []byte(strings.Replace(string(m), "LOT1", "LOT2", 1))
		if _, err := w.outbox.AddNow(t.Context(), other); !errors.Is(err, publisher.ErrConflict) {
			t.Fatalf("received %v; expected ErrConflict", err)
		}
		w.send(t)
		if got := w.nems.stored(); len(got) != 1 {
			t.Fatalf("the service has %q", got)
		}
	})
}

// The second message of a patient is not sent before the first is accepted; other
// patients do not wait.
func TestOrderPerPatient(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first, second := w.add(t, vaccination(t, jack, w.now())), w.add(t, vaccination(t, jack, w.now()))
		other := w.add(t, vaccination(t, ann, w.now()))
		w.nems.answer(first, http.StatusServiceUnavailable, http.StatusInternalServerError)
		w.send(t)
		if got := w.nems.asked(); !slices.Contains(got, other) || slices.Contains(got, second) {
			t.Fatalf("the service was asked for %q; the first of the patient, %s, was not accepted", got, first)
		}
		w.pass(time.Second)
		w.send(t) // 500: the pause is doubled
		w.pass(time.Second)
		w.send(t)
		if slices.Contains(w.nems.asked(), second) {
			t.Fatal("the second was sent before the first was accepted")
		}
		w.pass(time.Second)
		w.send(t)
		if got, want := w.nems.stored(), []string{other, first, second}; !slices.Equal(got, want) {
			t.Fatalf("the service has %q; expected %q", got, want)
		}
	})
}

// What passes is tried again, with the same id, for as long as the service asks at least.
func TestRetry(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.add(t, vaccination(t, jack, w.now()))
		w.nems.answer(id, lostAnswer, http.StatusTooManyRequests, http.StatusForbidden, http.StatusUnauthorized, http.StatusNotFound, http.StatusTemporaryRedirect)
		for range 20 {
			w.send(t)
			w.pass(time.Minute)
		}
		r, err := w.outbox.Sent(t.Context(), id)
		must(t, err)
		var statuses []int
		for _, a := range r.Attempts {
			statuses = append(statuses, a.Status)
		}
		if want := []int{0, 429, 403, 401, 404, 307, 202}; !slices.Equal(statuses, want) || r.State != publisher.Sent {
			t.Fatalf("the attempts are %v, the state is %s; expected %v", statuses, r.State, want)
		}
		if asked := r.Attempts[2].Began.Sub(r.Attempts[1].Began); asked < retryAfter {
			t.Errorf("asked again after %s; the service asked for %s", asked, retryAfter)
		}
		if got := w.nems.stored(); len(got) != 1 {
			t.Errorf("the service has %q: the answer that was lost makes no second copy", got)
		}
	})
}

// A refused message stops its patient's messages, until somebody decides.
func TestRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		first, second := w.add(t, vaccination(t, jack, w.now())), w.add(t, vaccination(t, jack, w.now()))
		w.nems.answer(first, http.StatusUnprocessableEntity, http.StatusUnprocessableEntity)
		for range 3 {
			w.send(t)
			w.pass(time.Hour)
		}
		if len(w.told) != 1 || w.told[0].ID != first || w.told[0].Status != http.StatusUnprocessableEntity || !strings.Contains(w.told[0].Reason, "INVALID_RESOURCE") {
			t.Fatalf("told of %+v", w.told)
		}
		refusals, err := w.outbox.Refusals(t.Context())
		must(t, err)
		if len(refusals) != 1 || refusals[0].ID != first || refusals[0].Status != http.StatusUnprocessableEntity {
			t.Fatalf("the refusals are %+v", refusals)
		}
		must(t, w.outbox.Retry(t.Context(), first))
		w.send(t)
		if len(w.nems.stored()) > 0 {
			t.Fatal("a message overtook the refused one")
		}
		must(t, w.outbox.Discard(t.Context(), first))
		if err := w.outbox.Discard(t.Context(), first); !errors.Is(err, publisher.ErrNoMessage) {
			t.Fatalf("discarded twice: %v", err)
		}
		w.send(t)
		if got := w.nems.stored(); !slices.Equal(got, []string{second}) {
			t.Fatalf("the service has %q; expected the second", got)
		}
		counts, err := w.outbox.Count(t.Context())
		must(t, err)
		if counts[publisher.Sent] != 1 || counts[publisher.Discarded] != 1 {
			t.Errorf("the counts are %v", counts)
		}
	})
}

// The record has the payload, all headers, the claims and the times.
func TestRecord(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		m := vaccination(t, jack, w.now())
		id := w.add(t, m)
		w.send(t)
		r, err := w.outbox.Sent(t.Context(), id)
		must(t, err)
		if string(r.Payload) != string(m) || r.Event != "vaccinations-1" || r.Kind != "new" || r.LastUpdated == "" || !r.Settled.Equal(w.now()) {
			t.Fatalf("the record is %+v", r)
		}
		a := r.Attempts[0]
		if a.Header.Get("InteractionID") == "" || a.Header.Get("Idempotency-Key") != id || a.Header.Get("fromASID") != "300000000161" || !a.Began.Equal(w.now()) {
			t.Errorf("the headers are %v, at %s", a.Header, a.Began)
		}
		if claims := string(a.Claims); !strings.Contains(claims, "patient/Bundle.write") || strings.Contains(a.Header.Get("Authorization"), "ey") {
			t.Errorf("the claims are %s, the token is %s", claims, a.Header.Get("Authorization"))
		}
		if _, err := w.outbox.Sent(t.Context(), "none"); !errors.Is(err, publisher.ErrNoMessage) {
			t.Errorf("an unknown id: %v", err)
		}
	})
}

// Records are kept as long as they must be, and no longer.
func TestPurge(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.outbox.Retention = 24 * time.Hour
		w.add(t, vaccination(t, jack, w.now()))
		w.send(t)
		waits := w.add(t, vaccination(t, ann, w.now()))
		w.nems.answer(waits, http.StatusServiceUnavailable)
		w.send(t)
		n, err := w.outbox.Purge(t.Context())
		must(t, err)
		w.pass(25 * time.Hour)
		more, err := w.outbox.Purge(t.Context())
		must(t, err)
		if n != 0 || more != 1 {
			t.Errorf("removed %d, then %d; expected none, then the one that was sent", n, more)
		}
		if _, err := w.outbox.Sent(t.Context(), waits); err != nil {
			t.Errorf("what waits is gone: %v", err)
		}
	})
}

// Flags that are set while a message waits hold it back; PDS away does not.
func TestHeldBackWhileWaiting(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		pds := &directory{}
		w.outbox.Demographics = &publisher.Demographics{Tracer: pds}
		first, second := w.add(t, vaccination(t, jack, w.now())), w.add(t, vaccination(t, jack, w.now()))
		pds.err = publisher.ErrAway
		w.send(t)
		pds.err, pds.sensitive = nil, true
		w.pass(time.Minute)
		w.send(t)
		if len(w.told) != 2 || w.told[0].ID != first || w.told[0].Reason != string(publisher.Sensitive) || len(w.nems.asked()) > 0 {
			t.Fatalf("told of %+v; the service was asked for %q", w.told, w.nems.asked())
		}
		pds.sensitive = false
		must(t, w.outbox.Retry(t.Context(), second))
		w.send(t)
		if got := w.nems.stored(); !slices.Equal(got, []string{second}) {
			t.Fatalf("the service has %q", got)
		}
	})
}

// A sender that has died loses its message to another one, after its lease.
func TestLease(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.add(t, vaccination(t, jack, w.now()))
		ctx, cancel := context.WithCancel(t.Context())
		w.nems.during(func() { cancel() })
		if _, err := w.outbox.Send(ctx); err != nil {
			t.Fatal(err)
		}
		if r, _ := w.outbox.Sent(t.Context(), id); r.State != publisher.Sent {
			t.Fatalf("what is on its way is settled, even when the sender is told to end; it is %s", r.State)
		}
		id = w.add(t, vaccination(t, ann, w.now()))
		_, err := w.db.ExecContext(t.Context(), `UPDATE nems_outbox SET due = $1, claim = 'dead', attempts = 1 WHERE id = $2`,
			w.now().Add(2*time.Minute).UnixMilli(), id)
		must(t, err)
		w.send(t)
		if slices.Contains(w.nems.asked(), id) {
			t.Fatal("sent during another sender's lease")
		}
		w.pass(2 * time.Minute)
		w.send(t)
		if got := w.nems.stored(); !slices.Contains(got, id) {
			t.Fatalf("the service has %q", got)
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	db := &sql.DB{}
	for _, c := range []publisher.Config{
		{}, {DB: db}, {DB: db, Client: w0()}, {DB: db, Client: w0(), Dialect: "mysql"},
		{DB: db, Client: w0(), Dialect: publisher.SQLite, Demographics: &publisher.Demographics{}},
		{DB: db, Client: w0(), Dialect: publisher.SQLite, Timeout: time.Minute, Lease: time.Minute},
	} {
		if _, err := publisher.New(c); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}
