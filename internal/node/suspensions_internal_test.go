package node

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/broker"
	"nems/internal/controllers"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/store/sqlite"
	"nems/internal/store/sqlite/sqlitetest"
	"nems/internal/store/storetest"
	"nems/internal/subscription"
)

// sweepVariable asks for more subscriptions than a test run has time for.
const sweepVariable = "NEMS_SWEEP"

var sweepNow = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// cutting is a store that cuts a sweep off after so many commits.
type cutting struct {
	*sqlite.DB
	left int
	cut  func()
}

func (c *cutting) SuspendAll(ctx context.Context, all []store.Suspension) (int, error) {
	if c.left--; c.left == 0 {
		c.cut()
	}
	return c.DB.SuspendAll(ctx, all)
}

// sweeping is a node that can do nothing but sweep.
func sweeping(db *cutting, rows ...controllers.Row) *node {
	n := &node{Environment: Environment{Now: func() time.Time { return sweepNow }, Log: slog.New(slog.DiscardHandler)}, db: db}
	n.broker = broker.New(broker.Config{Mailboxes: db, Numbers: db})
	n.registry = &registry{version: db.RegistryVersion, log: n.Log}
	catalogue := controllers.New(rows)
	n.obedience = &obedience{rows: func() *controllers.Catalogue { return catalogue }}
	n.obedience.follow(string(controllers.Enforce))
	return n
}

// A sweep that is cut off goes on where it was, in another node too, and disturbs
// nobody: all subscriptions of the owner are suspended, and those of nobody else.
func TestSweepIsResumed(t *testing.T) {
	many := 1500
	if text := os.Getenv(sweepVariable); text != "" {
		many, _ = strconv.Atoi(text)
	}
	db := &cutting{DB: sqlitetest.Open(t, sqlite.Options{}).DB}
	for _, owner := range []nhs.ODSCode{"RR8", "X26"} {
		if _, err := db.PutMailbox(t.Context(), store.Mailbox{ID: "BOX" + string(owner), ODS: owner}); err != nil {
			t.Fatal(err)
		}
	}
	subscribeMany(t, db.DB, "RR8", many)
	subscribeMany(t, db.DB, "X26", 10)
	permits := controllers.Row{Organisation: "X26", Role: controllers.Consumer, Event: "vaccinations-1", Status: controllers.Live,
		Scope: controllers.Scope{Rules: []string{subscription.RulePractice}, Codes: []string{"*"}}}

	ctx, cut := context.WithCancel(t.Context())
	db.left, db.cut = 5, cut
	if err := sweeping(db, permits).sweepSubscriptions(ctx); err == nil {
		t.Error("a sweep that was cut off says nothing")
	}
	if n := suspendedOf(t, db, "RR8"); n == 0 || n == many {
		t.Errorf("%d of %d are suspended after it was cut off", n, many)
	}
	begun, commits := time.Now(), db.left
	for round := 0; suspendedOf(t, db, "RR8") < many; round++ {
		if err := sweeping(db, permits).sweepSubscriptions(t.Context()); err != nil || round > many/50 {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	t.Logf("%d subscriptions in %v, in %d commits", many, time.Since(begun), commits-db.left)
	if n := suspendedOf(t, db, "X26"); n != 0 {
		t.Errorf("%d of an owner who has a row", n)
	}
	kept, err := sweeping(db).sweptSoFar(t.Context())
	if err != nil || kept["RR8"].Rounds == 0 {
		t.Errorf("how far it has come: %+v, %v", kept, err)
	}
	n := sweeping(db, permits)
	n.obedience.follow(string(controllers.Off))
	for range sweepRounds {
		if err := n.sweepSubscriptions(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err = n.sweptSoFar(t.Context()); err != nil || len(kept) != 0 || suspendedOf(t, db, "RR8") != 0 {
		t.Errorf("nothing follows any more: %+v, %v, %d are suspended", kept, err, suspendedOf(t, db, "RR8"))
	}
}

// subscribeMany creates many subscriptions of an owner.
func subscribeMany(t *testing.T, db *sqlite.DB, owner nhs.ODSCode, many int) {
	t.Helper()
	var all []store.Creation
	for i := range many {
		s := storetest.Subscribing(t, sweepNow, "BOX"+string(owner),
			"&serviceType=GP&Organization.identifier=P"+strconv.Itoa(100_000+i)+"&subscriptionRuleType=GP_GP_GP&MessageHeader.event=vaccinations-1")
		s.ODS = owner
		all = append(all, store.Creation{Subscription: s, Audit: audit.Entry{Action: audit.ActionSubscribe}})
	}
	for some := range slices.Chunk(all, 500) {
		errs, err := db.SubscribeAll(t.Context(), some)
		if err != nil || slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
			t.Fatal(err, errs[0])
		}
	}
}

// suspendedOf counts the subscriptions of an owner that are suspended.
func suspendedOf(t *testing.T, db *cutting, owner nhs.ODSCode) (n int) {
	t.Helper()
	for after := (subscription.ID{}); ; {
		found, err := db.Subscriptions(t.Context(), store.SubscriptionQuery{ODS: owner, After: after, Max: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range found {
			if after = s.ID; s.Suspended {
				n++
			}
		}
		if len(found) < 1000 {
			return n
		}
	}
}

// What is due is done twice, once more each day, and when the catalogue is not enforced
// any more nothing is left to do.
func TestWhatIsDue(t *testing.T) {
	today := controllers.DateOf(sweepNow)
	yesterday := controllers.DateOf(sweepNow.AddDate(0, 0, -1))
	for name, c := range map[string]struct {
		was  swept
		is   string
		want swept
		due  bool
	}{
		"never swept, nothing enforced": {swept{}, "", swept{Rounds: 2}, false},
		"never swept":                   {swept{}, "a", swept{Print: "a", Day: today}, true},
		"once":                          {swept{Print: "a", Day: today, Rounds: 1}, "a", swept{Print: "a", Day: today, Rounds: 1}, true},
		"twice":                         {swept{Print: "a", Day: today, Rounds: 2}, "a", swept{Print: "a", Day: today, Rounds: 2}, false},
		"in the middle":                 {swept{Print: "a", Day: yesterday, Rounds: 1, After: "x"}, "a", swept{Print: "a", Day: yesterday, Rounds: 1, After: "x"}, true},
		"the next day":                  {swept{Print: "a", Day: yesterday, Rounds: 2}, "a", swept{Print: "a", Day: today, Rounds: 1}, true},
		"changed in the middle":         {swept{Print: "a", Day: today, Rounds: 1, After: "x"}, "b", swept{Print: "b", Day: today}, true},
		"no longer enforced":            {swept{Print: "a", Day: today, Rounds: 2}, "", swept{}, true},
	} {
		if got, due := c.was.due(c.is, today); got != c.want || due != c.due {
			t.Errorf("%s: %+v %v, expected %+v %v", name, got, due, c.want, c.due)
		}
	}
}
