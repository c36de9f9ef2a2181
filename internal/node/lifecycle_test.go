package node_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"nems/client"
	"nems/internal/audit"
	"nems/internal/node/nodetest"
	"nems/internal/store"
	"nems/internal/store/sqlite"
)

// TestLifeCycleOfAnEarlierVersion checks that a life cycle that lacks what is
// required today stays in force after an update. Callers are told what is known,
// and the operator what is missing.
func TestLifeCycleOfAnEarlierVersion(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	s.Stop()
	db, err := sqlite.Open(filepath.Join(s.Config.Data, "nems.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	err = db.PutLifeCycle(t.Context(), store.LifeCycle{Code: "vaccinations-1", Value: []byte(`{"state":"deprecated","withdrawn":"2027-03-31"}`)}, audit.Entry{Action: "event-type-set"})
	stop()
	if ended := <-done; err != nil || ended != nil || db.Close() != nil {
		t.Fatal(err, ended)
	}
	s.Run()
	created, err := s.Leeds().Subscribe(t.Context(), client.Subscription{Criteria: about(nodetest.Jack) + vaccinations, Mailbox: leeds, Reason: "A test"})
	if err != nil || len(created.Issues) != 1 || created.Issues[0].Code != "DEPRECATED" ||
		created.Issues[0].Diagnostics != "Deprecation of the Vaccinations (vaccinations-1) event type has been announced" {
		t.Errorf("created %+v, %v", created, err)
	}
	published, err := s.Publisher().Publish(t.Context(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	if err != nil || len(published.Issues) != 1 || published.Issues[0].Severity != "information" {
		t.Errorf("published %+v, %v", published, err)
	}
	if log := s.Log.String(); !strings.Contains(log, "event_type=vaccinations-1") || !strings.Contains(log, `missing="[deprecated url]"`) {
		t.Error("the operator is not told what is missing")
	}
}
