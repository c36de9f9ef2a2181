package operator

import (
	"context"
	"encoding/json"
	"fmt"

	"nems/internal/audit"
	"nems/internal/store"
)

// Workflow says which mailboxes may send and receive a MESH workflow id. One
// that nobody has written down is open to all.
type Workflow struct {
	ID        string   `json:"workflow_id"`
	Senders   []string `json:"senders"`
	Receivers []string `json:"receivers"`
}

// putWorkflows registers mailboxes for workflows, in the place of those that
// were registered for the same ones. All are checked before the first is kept:
// Invalid.
func (d Desk) putWorkflows(ctx context.Context, workflows []Workflow) (none None, err error) {
	for i, w := range workflows {
		if w.ID == "" {
			return none, invalid(element(i, "workflow_id"), "workflow %d: workflow_id is missing", i+1)
		}
	}
	for i, w := range workflows {
		value, err := json.Marshal(w)
		if err != nil {
			return none, err
		}
		// Recorded first, as for mailboxes.
		d.Store.Record(d.entry(audit.ActionPutWorkflow, digest(w.ID, value)))
		if err := d.Store.PutWorkflow(ctx, store.Workflow(w)); err != nil {
			return none, fmt.Errorf("workflow %s, after %d of %d: %w", w.ID, i, len(workflows), err)
		}
	}
	return none, nil
}
