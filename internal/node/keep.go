package node

import (
	"context"
	"time"
)

// mailboxRound is the pause between looks at messages that nobody collected.
// Their life is counted in days.
const mailboxRound = time.Minute

// keepMailboxes expires and deletes messages until the context ends. What one
// round could not do, the next one does.
func (n *node) keepMailboxes(ctx context.Context) error {
	tick := time.NewTicker(mailboxRound)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			did, err := n.mesh.Housekeep(ctx, n.Now())
			if err != nil && ctx.Err() == nil {
				n.Log.Warn("mailbox housekeeping failed", "error", err)
			}
			if did.Expired > 0 || did.Purged > 0 {
				n.Log.Info("mailbox housekeeping", "expired", did.Expired, "deleted", did.Purged)
			}
		}
	}
}
