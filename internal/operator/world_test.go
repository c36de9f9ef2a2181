package operator_test

import (
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"nems/internal/access"
	"nems/internal/catalogue"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/spine"
	"nems/internal/store"
	"nems/internal/store/sqlite"
	"nems/internal/store/sqlite/sqlitetest"
)

var now = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

// newDesk is a desk on a database of its own.
func newDesk(t testing.TB) operator.Desk {
	t.Helper()
	db := sqlitetest.Open(t, sqlite.Options{AuditDelay: time.Millisecond})
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return operator.Desk{Store: db.DB, Types: func() *catalogue.Catalogue { return types }, Now: func() time.Time { return now }, Kept: &store.RetentionRules{General: 30 * 24 * time.Hour},
		Caller: operator.Caller{User: "desk", Roles: operator.AllRoles}}
}

const token = "the token"

// newClient is a client of a desk at the other end of HTTP.
func newClient(t testing.TB, d operator.Desk) *operator.Client {
	t.Helper()
	mux := http.NewServeMux()
	operator.Handler{Desk: d, Admit: operator.Bearer(token), Log: slog.New(slog.DiscardHandler)}.Mount(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return &operator.Client{Access: operator.Access{URL: server.URL, Token: token}, User: "client", HTTP: server.Client()}
}

// each runs a test on a desk, and on another through a client.
func each(t *testing.T, test func(t *testing.T, d operator.Face)) {
	t.Run("desk", func(t *testing.T) { test(t, newDesk(t)) })
	t.Run("client", func(t *testing.T) { test(t, newClient(t, newDesk(t))) })
}

// eventually waits until something is so: entries that are only recorded join
// a commit a moment later.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick, over := time.NewTicker(2*time.Millisecond), time.After(10*time.Second)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("still not so: %s", what)
		}
	}
}

// all takes everything, or fails the test.
func all[T any](t *testing.T, seq iter.Seq2[T, error]) (out []T) {
	t.Helper()
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

func system(asid nhs.ASID) spine.Registration {
	return spine.Registration{System: access.System{
		ASID: asid, ODSCodes: []nhs.ODSCode{"RR8"}, Interactions: []string{access.CreateInteraction}, Mailboxes: []string{"*"},
	}}
}
