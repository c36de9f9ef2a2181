package node

import (
	"context"
	"encoding/json"
	"errors"

	"nems/internal/store"
	"nems/internal/webhook"
)

// whole is api.Config's Whole. All endpoints that operators register call what they are
// sent its form, and a signal the same.
func (n *node) whole(ctx context.Context, mailbox string) (bool, error) {
	box, err := n.db.Mailbox(ctx, mailbox)
	var e store.Endpoint
	if err == nil {
		e, err = n.db.Endpoint(ctx, box.Row)
	}
	if errors.Is(err, store.ErrNotFound) { // a mailbox of the MESH, which gets messages
		return true, nil
	}
	var of struct {
		Form webhook.Form `json:"form"`
	}
	if err == nil {
		err = json.Unmarshal(e.Value, &of)
	}
	return err == nil && of.Form != webhook.Signal, err
}
