package publisher_test

import (
	"database/sql"
	"slices"
	"sync"
	"testing"
	"time"

	"nems/internal/store/postgres/pgtest"
	"nems/publisher"
)

// Several machines send from one outbox in PostgreSQL, while others add to it: each message
// leaves once, and the messages of a patient leave in the order in which they were committed.
func TestSeveralSenders(t *testing.T) {
	const each, machines = 12, 4
	numbers := []string{"9912003888", "9434765919", "9990000204", "9990000212", "9000000009"}
	patients := len(numbers)
	dsn, nems := pgtest.Shared(t).Database(t), newService(t)
	open := func() *publisher.Outbox {
		db, err := sql.Open("pgx", dsn)
		must(t, err)
		t.Cleanup(func() { _ = db.Close() })
		o, err := publisher.New(publisher.Config{DB: db, Dialect: publisher.PostgreSQL, Client: nems.client(), Senders: 3})
		must(t, err)
		return o
	}
	first := open()
	must(t, first.Migrate(t.Context()))
	order := make([][]string, patients)
	var adding, sending sync.WaitGroup
	for p := range patients {
		adding.Go(func() {
			for range each {
				m, err := shot(numbers[p], time.Now()).New()
				if err == nil {
					var id string
					id, err = first.AddNow(t.Context(), m)
					order[p] = append(order[p], id)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	added := make(chan struct{})
	for range machines {
		o := open()
		sending.Go(func() {
			for last := false; !last; {
				select {
				case <-added:
					last = true
				default:
				}
				if _, err := o.Send(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	adding.Wait()
	close(added)
	sending.Wait()
	_, err := first.Send(t.Context())
	must(t, err)
	checkOrder(t, nems, order, patients*each)
}

// checkOrder compares what the service was asked for with what was added.
func checkOrder(t *testing.T, nems *service, order [][]string, all int) {
	t.Helper()
	asked := nems.asked()
	if len(asked) != all {
		t.Errorf("the service was asked %d times for %d messages", len(asked), all)
	}
	for p, ids := range order {
		var got []string
		for _, id := range asked {
			if slices.Contains(ids, id) {
				got = append(got, id)
			}
		}
		if !slices.Equal(got, ids) {
			t.Errorf("patient %d: sent in another order than added", p)
		}
	}
}
