package node_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/store"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
)

// TestMailboxNotRegisteredForWorkflow checks that subscribing does not depend
// on whether the mailbox is registered for the workflow. The copy is parked
// with MESH's error 17, which the operator sees. After the registration it can
// be retried, and goes into the inbox unchanged.
func TestMailboxNotRegisteredForWorkflow(t *testing.T) {
	for name, database := range map[string]func() string{
		"sqlite":   func() string { return "" },
		"postgres": func() string { return pgtest.Shared(t).Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "workflows.jsonl")
			line := `{"workflow_id":"VACCINATIONS_1","senders":["X26NEMS"],"receivers":["` + national + `"]}`
			if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
				t.Fatal(err)
			}
			s := nodetest.Boot(t, func(c *node.Config) { c.Database, c.MeshWorkflows = database(), path })
			access, err := operator.ReadAccess(s.Config.Data)
			if err != nil {
				t.Fatal(err)
			}
			desk := &operator.Client{Access: access, User: "tester", HTTP: s.HTTP}
			s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
			s.Subscribe(s.National(), about(nodetest.Jack)+vaccinations, national)
			first := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
			s.Publish(s.Publisher(), first)
			if got := s.Collect(national); len(got) != 1 || !bytes.Equal(got[0].Body, first) {
				t.Errorf("registered: %d copies", len(got))
			}
			if got := s.Collect(leeds); len(got) != 0 {
				t.Errorf("not registered: %d copies", len(got))
			}
			var parked []operator.Delivery
			for d, err := range operator.Each(t.Context(), desk, operator.FindDeliveries, operator.Matching(operator.DeliveryFilter{State: store.Parked})) {
				if err != nil {
					t.Fatal(err)
				}
				parked = append(parked, d)
			}
			if len(parked) != 1 || parked[0].Mailbox != leeds || parked[0].ErrorCode != "17" || parked[0].Workflow != "VACCINATIONS_1" {
				t.Fatalf("parked: %+v", parked)
			}
			if figures := string(s.Get("/metrics").Body); !strings.Contains(figures, `nems_inbox_parked{mailbox="`+leeds+`"} 1`) {
				t.Error("the metrics do not count the parked copy")
			}
			storetest.Eventually(t, "the audit says that it was parked", func() bool {
				for r, err := range operator.Each(t.Context(), desk, operator.SearchAudit, operator.Matching(operator.Filter{Action: "park"})) {
					return err == nil && r.Object == parked[0].ID && r.Mailbox == leeds
				}
				return false
			})

			retry := func() int {
				moved, err := operator.MoveDeliveries.Do(t.Context(), desk, operator.Moving{Move: operator.Retry, IDs: []string{parked[0].ID}})
				if err != nil {
					t.Fatal(err)
				}
				return moved.Moved
			}
			if retry() != 0 || len(s.Collect(leeds)) != 0 {
				t.Error("retried before the mailbox was registered")
			}
			if err := operator.PutWorkflows.Run(t.Context(), desk, []operator.Workflow{{ID: "VACCINATIONS_1", Receivers: []string{national, leeds}}}); err != nil {
				t.Fatal(err)
			}
			second := nodetest.Message(t, "vaccinations-1", "update", nodetest.Jack)
			s.Publish(s.Publisher(), second)
			if retry() != 1 {
				t.Error("not retried")
			}
			got := s.Collect(leeds)
			if len(got) != 2 || !bytes.Equal(got[0].Body, first) || !bytes.Equal(got[1].Body, second) {
				t.Errorf("registered: %d copies", len(got))
			}
		})
	}
}
