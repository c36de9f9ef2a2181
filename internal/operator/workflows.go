package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

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

// PutWorkflows registers mailboxes for workflows, in the place of those that
// were registered for the same ones. All are checked before the first is kept:
// ErrInvalid.
func (d Desk) PutWorkflows(ctx context.Context, workflows []Workflow) error {
	for i, w := range workflows {
		if w.ID == "" {
			return invalid("workflow %d: workflow_id is missing", i+1)
		}
	}
	for i, w := range workflows {
		value, err := json.Marshal(w)
		if err != nil {
			return err
		}
		// Recorded first, as for mailboxes.
		d.Store.Record(d.entry(audit.ActionPutWorkflow, digest(w.ID, value)))
		if err := d.Store.PutWorkflow(ctx, store.Workflow(w)); err != nil {
			return fmt.Errorf("workflow %s, after %d of %d: %w", w.ID, i, len(workflows), err)
		}
	}
	return nil
}

func putWorkflows(d Desk, w http.ResponseWriter, r *http.Request) error {
	var workflows []Workflow
	return done(w, read(w, r, &workflows), func() error { return d.PutWorkflows(r.Context(), workflows) })
}

// PutWorkflows is Desk.PutWorkflows.
func (c *Client) PutWorkflows(ctx context.Context, workflows []Workflow) error {
	return c.call(ctx, http.MethodPost, "workflows", workflows, nil)
}
