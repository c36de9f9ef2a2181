package postgres_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/store/postgres"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
	"nems/internal/subscription"
)

// A subscription counts on every node once it is answered, and no longer once
// its deletion is; a thousand times each, either way, beside other publishers.
func TestSubscribeHerePublishThere(t *testing.T) {
	dsn := pgtest.Shared(t).Database(t)
	nodes := [2]*postgres.DB{runNode(t, dsn), runNode(t, dsn)}
	hosted(t, nodes[0], "A")
	var stop atomic.Bool
	var others sync.WaitGroup
	defer others.Wait()
	defer stop.Store(true)
	for i := range 4 {
		others.Go(func() {
			db := nodes[i%2]
			for !stop.Load() {
				if _, err := db.AcceptEvent(t.Context(), eventAbout(db, storetest.Numbered(900_000), []byte("beside"))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	const rounds, workers = 1000, 4
	var next atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := int(next.Add(1)); i <= rounds && !t.Failed(); i = int(next.Add(1)) {
				if err := cross(t, nodes[i%2], nodes[(i+1)%2], i); err != nil {
					t.Errorf("round %d: %v", i, err)
				}
			}
		})
	}
	all.Wait()
}

// cross subscribes to patient i on one node, publishes on the other, deletes,
// publishes.
func cross(t *testing.T, here, there *postgres.DB, i int) error {
	patient := storetest.Numbered(i)
	s := storetest.AboutPatient(t, patient, "A")
	entry := audit.Entry{Action: "subscribe", ODS: "RR8", Patient: patient, Status: 201}
	if err := here.Subscribe(t.Context(), s, entry); err != nil {
		return err
	}
	r, err := there.AcceptEvent(t.Context(), eventAbout(there, patient, fmt.Append(nil, "event ", i)))
	if err != nil || r.Copies != 1 {
		return fmt.Errorf("subscribed: %d copies, %v", r.Copies, err)
	}
	if err := here.Delete(t.Context(), s.ID, entry); err != nil {
		return err
	}
	r, err = there.AcceptEvent(t.Context(), eventAbout(there, patient, fmt.Append(nil, "event ", i)))
	if err != nil || r.Copies != 0 {
		return fmt.Errorf("deleted: %d copies, %v", r.Copies, err)
	}
	return nil
}

// Positions are unique over nodes that ask at the same moment, and rise on
// each.
func TestPositionsOfNodesDiffer(t *testing.T) {
	dsn := pgtest.Shared(t).Database(t)
	const nodes, each = 3, 20_000
	got := make([][]store.EventID, nodes)
	var all sync.WaitGroup
	for n := range nodes {
		db := runNode(t, dsn)
		all.Go(func() {
			for range each {
				got[n] = append(got[n], db.NextPosition())
			}
		})
	}
	all.Wait()
	owner := map[store.EventID]int{}
	for n, positions := range got {
		last := store.EventID(0)
		for _, p := range positions {
			if p <= last {
				t.Fatalf("node %d: %d after %d", n, p, last)
			}
			last = p
			if other, taken := owner[p]; taken {
				t.Fatalf("nodes %d and %d both have %d", other, n, p)
			}
			owner[p] = n
		}
	}
}

// Which mailboxes are registered for a workflow counts on every node once it is
// answered.
func TestRegisterHerePublishThere(t *testing.T) {
	dsn := pgtest.Shared(t).Database(t)
	here, there := runNode(t, dsn), runNode(t, dsn)
	box, patient := subscribed(t, here)
	for round := range 20 {
		w := store.Workflow{ID: "VACCINATIONS_1"}
		registered := round%2 == 1
		if registered {
			w.Receivers = []string{"A"}
		}
		if err := here.PutWorkflow(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		r, err := there.AcceptEvent(t.Context(), eventAbout(there, patient, fmt.Append(nil, "event ", round)))
		if err != nil || r.Copies != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		m, err := there.Message(t.Context(), box, r.Event)
		if err != nil || (m.Status == store.Waiting) != registered {
			t.Errorf("round %d: registered %t, the copy is %s, %v", round, registered, m.Status, err)
		}
	}
}

// Of subscriptions to one endpoint that are made at once on two nodes one is stored, and
// the others name it.
func TestOwnEndpointsOfTwoNodes(t *testing.T) {
	dsn := pgtest.Shared(t).Database(t)
	nodes := [2]*postgres.DB{runNode(t, dsn), runNode(t, dsn)}
	const rounds, many = 20, 6
	for round := range rounds {
		id := fmt.Sprintf("R4-%d", round)
		var subscriptions [many]subscription.Subscription
		var errs [many]error
		var busy sync.WaitGroup
		for i := range many {
			subscriptions[i] = storetest.AboutPatient(t, storetest.Numbered(i), id)
			busy.Go(func() {
				_, errs[i] = nodes[i%2].SubscribeWith(t.Context(), subscriptions[i], store.Brought{Alone: true, Endpoint: store.Endpoint{
					Mailbox: store.Mailbox{ID: id, ODS: "RR8", Remote: true}, Channel: store.RestHookChannel, Value: fmt.Appendf(nil, `{"url":"https://a.test/%d"}`, i),
				}}, audit.Entry{Action: audit.ActionSubscribe, ODS: "RR8"})
			})
		}
		busy.Wait()
		made := -1
		for i, err := range errs {
			if err == nil && made >= 0 {
				t.Fatalf("round %d: two were made", round)
			}
			if err == nil {
				made = i
			}
		}
		if made < 0 {
			t.Fatalf("round %d: none was made: %v", round, errs)
		}
		for i, err := range errs {
			var twin *store.DuplicateError
			if i != made && (!errors.As(err, &twin) || twin.ID != subscriptions[made].ID) {
				t.Errorf("round %d, request %d: %v", round, i, err)
			}
		}
	}
	all, err := nodes[0].EndpointsAfter(t.Context(), 0, 100)
	if err != nil || len(all) != rounds {
		t.Errorf("%d endpoints, %v", len(all), err)
	}
}
