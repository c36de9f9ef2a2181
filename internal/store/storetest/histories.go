package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// historiesVariable asks for more histories than a test run has time for: the
// full proof is NEMS_HISTORIES=200.
const historiesVariable = "NEMS_HISTORIES"

// SecondOpener is a Fixture whose database several nodes can share: the clients
// of a history then work through both.
type SecondOpener interface {
	// OpenSecond opens the database that is open once more, until the end of the
	// test.
	OpenSecond(t *testing.T, c *Clock) Store
}

// What a history is made of. Every operation but a publish is about one
// subscription; a publish is about all of its patient's, so that a history of a
// thousand calls is checked as several thousand observations.
const (
	historyClients  = 8
	historyPatients = 12
	historyTimeout  = 30 * time.Second
)

// registers is what the histories are taken from: two handles may stand for two
// nodes over one database.
type registers interface {
	Subscribe(ctx context.Context, s subscription.Subscription, e audit.Entry) error
	EndSubscription(ctx context.Context, e store.Ending, entry audit.Entry) error
	Delete(ctx context.Context, id subscription.ID, e audit.Entry) error
	SuspendAll(ctx context.Context, all []store.Suspension) (int, error)
	Subscription(ctx context.Context, id subscription.ID) (subscription.Subscription, error)
	AcceptEvent(ctx context.Context, a store.Acceptance) (store.Receipt, error)
	DeliveryPage(ctx context.Context, q store.DeliveryQuery) (store.DeliveryPage, error)
}

// action is the input of an operation upon one subscription.
type action struct {
	subscription subscription.ID
	kind         string // subscribe, suspend, restore, end, delete, read or publish
}

// The outputs: what the operation found. A publish finds whether it matched.
type observation int

const (
	absent observation = iota // or ended
	there
)

// life is a subscription from its creation to its deletion: absent, live, suspended, off,
// ended.
// It is created at most once.
var life = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		parts := map[subscription.ID][]porcupine.Operation{}
		for _, o := range history {
			id := o.Input.(action).subscription
			parts[id] = append(parts[id], o)
		}
		var out [][]porcupine.Operation
		for _, p := range parts {
			out = append(out, p)
		}
		return out
	},
	Init: func() any { return "absent" },
	Step: func(state, input, output any) (bool, any) {
		found := output.(observation)
		switch input.(action).kind {
		case "subscribe":
			return state == "absent" && found == there, "live"
		case "suspend":
			if state == "live" {
				return found == there, "suspended"
			}
			return found == absent, state
		case "restore":
			if state == "suspended" {
				return found == there, "live"
			}
			return found == absent, state
		case "end":
			if state == "live" || state == "suspended" {
				return found == there, "off"
			}
			return found == absent, state
		case "delete":
			if state == "live" || state == "suspended" || state == "off" {
				return found == there, "ended"
			}
			return found == absent, state
		default: // read and publish see it exactly while it lives
			return (found == there) == (state == "live"), state
		}
	},
	DescribeOperation: func(input, output any) string {
		return fmt.Sprintf("%s: %v", input.(action).kind, output.(observation) == there)
	},
}

// histories has clients subscribe, delete, read and publish at the same time,
// and looks for an order in which one at a time would have seen the same.
func histories(t *testing.T, th *harness) {
	count, operations := historyAmount(t)
	handles := []registers{th.Store}
	if second, ok := th.second(); ok {
		handles = append(handles, second)
	}
	began := time.Now()
	total := 0
	for n := range count {
		h := th.history(uint64(n), operations, handles...)
		total += len(h)
		checkHistory(t, n, h)
	}
	th.verify()
	t.Logf("%d histories of %d operations through %d handles, %d observations, in %v",
		count, operations, len(handles), total, time.Since(began).Round(time.Millisecond))
}

// historyAmount is how many histories to take, of how many operations.
func historyAmount(t *testing.T) (count, operations int) {
	t.Helper()
	if asked := os.Getenv(historiesVariable); asked != "" {
		count, err := strconv.Atoi(asked)
		if err != nil || count < 1 {
			t.Fatalf("%s: expected how many histories to take", historiesVariable)
		}
		return count, 1000
	}
	if testing.Short() || many < 10_000 { // fewer under the race detector
		return 1, 300
	}
	return 10, 1000
}

// checkHistory fails on anything but a proof that the history is linearizable.
func checkHistory(t *testing.T, n int, h []porcupine.Operation) {
	t.Helper()
	if result := porcupine.CheckOperationsTimeout(life, h, historyTimeout); result != porcupine.Ok {
		t.Errorf("history %d of %d observations: %s", n, len(h), result)
		for _, part := range life.Partition(h) {
			if porcupine.CheckOperationsTimeout(life, part, historyTimeout) != porcupine.Ok {
				slices.SortFunc(part, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
				t.Logf("one subscription of it:\n%s", describe(part))
				return
			}
		}
	}
}

// describe lists operations with the moments of their call and return.
func describe(part []porcupine.Operation) string {
	var b strings.Builder
	for _, o := range part {
		fmt.Fprintf(&b, "%6d-%6d client %d %s\n", o.Call, o.Return, o.ClientId, life.DescribeOperation(o.Input, o.Output))
	}
	return b.String()
}

// recorder gathers what the clients did. Moments are those of a logical clock.
type recorder struct {
	*harness
	boxes [historyClients]string
	tick  atomic.Int64

	mu      sync.Mutex
	history []porcupine.Operation
	known   []target // every subscription that was ever asked for
	events  map[store.EventID]span
}

type target struct {
	id      subscription.ID
	patient int
}

// span is a publish: when it was under way and whom it was about.
type span struct {
	from, to int64
	patient  int
	client   int
}

// history runs the clients; each works on its own handle of those given.
func (th *harness) history(seed uint64, operations int, handles ...registers) []porcupine.Operation {
	th.Helper()
	r := &recorder{harness: th, events: map[store.EventID]span{}}
	var all sync.WaitGroup
	for c := range historyClients {
		r.boxes[c] = fmt.Sprintf("H%dBOX%d", seed, c)
		th.mailbox(r.boxes[c])
	}
	for c := range historyClients {
		db := handles[c%len(handles)]
		chance := rand.New(rand.NewPCG(seed, uint64(c))) //nolint:gosec // a test's
		all.Go(func() { r.client(c, db, chance, operations/historyClients) })
	}
	all.Wait()
	r.observe(handles[0])
	for _, k := range r.known { // the next history starts with none
		if err := handles[0].Delete(r.ctx(), k.id, entry("delete")); err != nil && !errors.Is(err, store.ErrNotFound) {
			r.Errorf("cleaning up: %v", err)
		}
	}
	return r.history
}

// numbers are the patients of the histories.
var numbers = func() (out [historyPatients]nhs.NHSNumber) {
	for i, n := 0, 999_100_000; i < len(out); n++ {
		sum := 0
		for k, d := range fmt.Sprint(n) {
			sum += int(d-'0') * (10 - k)
		}
		if check := (11 - sum%11) % 11; check < 10 {
			out[i] = number(fmt.Sprintf("%d%d", n, check))
			i++
		}
	}
	return out
}()

// client subscribes, reads, publishes, suspends, ends and deletes, on what anybody created.
func (r *recorder) client(c int, db registers, chance *rand.Rand, operations int) {
	for range operations {
		patient := chance.IntN(historyPatients)
		switch n := chance.IntN(12); {
		case n < 2:
			r.subscribeTo(c, db, patient)
		case n < 3:
			r.upon(c, "end", db, chance)
		case n < 4:
			r.upon(c, "delete", db, chance)
		case n < 6:
			r.upon(c, "read", db, chance)
		case n < 7:
			r.upon(c, "suspend", db, chance)
		case n < 8:
			r.upon(c, "restore", db, chance)
		default:
			r.publishAbout(c, db, patient)
		}
	}
}

func (r *recorder) add(o porcupine.Operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history = append(r.history, o)
}

// subscribeTo creates a subscription that no other one equals.
func (r *recorder) subscribeTo(c int, db registers, patient int) {
	tag := fmt.Sprint("tag", r.tick.Add(1)) // no two are equal
	s := r.subscription(r.boxes[c], ofPatient(numbers[patient], vaccination)+"&tag="+tag)
	r.mu.Lock()
	r.known = append(r.known, target{s.ID, patient})
	r.mu.Unlock()
	call := r.tick.Add(1)
	err := db.Subscribe(r.ctx(), s, entry("subscribe"))
	if err != nil {
		r.Errorf("subscribe: %v", err)
	}
	r.add(porcupine.Operation{ClientId: c, Input: action{s.ID, "subscribe"}, Output: seen(err), Call: call, Return: r.tick.Add(1)})
}

// upon suspends, restores, ends, deletes or reads one of the latest subscriptions.
func (r *recorder) upon(c int, kind string, db registers, chance *rand.Rand) {
	r.mu.Lock()
	if len(r.known) == 0 {
		r.mu.Unlock()
		return
	}
	id := r.known[max(0, len(r.known)-1-chance.IntN(2*historyClients))].id
	r.mu.Unlock()
	call, err := r.tick.Add(1), store.ErrBusy
	for errors.Is(err, store.ErrBusy) { // nothing happened: a caller tries again
		switch kind {
		case "end":
			err = db.EndSubscription(r.ctx(), store.Ending{ID: id, From: subscription.Active, At: r.clock.Now(), Reason: "a test"}, entry("end"))
		case "delete":
			err = db.Delete(r.ctx(), id, entry("delete"))
		case "suspend":
			err = suspend(r.ctx(), db, id, "a test")
		case "restore":
			err = suspend(r.ctx(), db, id, "")
		default:
			var s subscription.Subscription
			if s, err = db.Subscription(r.ctx(), id); err == nil && s.Status != subscription.Active {
				err = store.ErrNotFound
			}
		}
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		r.Errorf("%s: %v", kind, err)
	}
	r.add(porcupine.Operation{ClientId: c, Input: action{id, kind}, Output: seen(err), Call: call, Return: r.tick.Add(1)})
}

// suspend suspends one subscription, or restores it; store.ErrNotFound if it is not in a
// state for that.
func suspend(ctx context.Context, db registers, id subscription.ID, why string) error {
	changed, err := db.SuspendAll(ctx, []store.Suspension{{ID: id, Why: why, Audit: entry("suspend")}})
	if err == nil && changed == 0 {
		err = store.ErrNotFound
	}
	return err
}

func seen(err error) observation {
	if err != nil {
		return absent
	}
	return there
}

func (r *recorder) publishAbout(c int, db registers, patient int) {
	a := r.acceptance(numbers[patient], message(1))
	from := r.tick.Add(1)
	if _, err := db.AcceptEvent(r.ctx(), a); err != nil {
		r.Errorf("publish: %v", err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events[a.Event] = span{from, r.tick.Add(1), patient, c}
}

// observe turns every publish into what it found of each subscription to its
// patient.
func (r *recorder) observe(db registers) {
	matched := map[store.EventID][]subscription.ID{}
	for c := range historyClients {
		all, err := db.DeliveryPage(r.ctx(), store.DeliveryQuery{Mailbox: r.boxes[c], Max: 1 << 20})
		r.must(err)
		for _, d := range all.Found {
			matched[d.Event] = append(matched[d.Event], d.Subscriptions...)
		}
	}
	for event, p := range r.events {
		for _, k := range r.known {
			found := absent
			if slices.Contains(matched[event], k.id) {
				found = there
			}
			if k.patient == p.patient || found == there {
				r.history = append(r.history, porcupine.Operation{ClientId: p.client, Input: action{k.id, "publish"}, Output: found, Call: p.from, Return: p.to})
			}
		}
	}
}
