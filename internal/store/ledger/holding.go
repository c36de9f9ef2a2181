package ledger

import (
	"context"

	"nems/internal/store"
)

// Replaying is whether there is any replay that is not over, as an SQL expression
// that names nothing outside, so that it is asked once for a statement.
const Replaying = "(SELECT count(*) > 0 FROM replay WHERE ended IS NULL)"

// HeldBehind is the position behind which the copies of a mailbox wait for its
// replays, as an SQL expression over the mailbox's row; NULL when nothing is held.
// Of several replays the one that began first counts: when it is over, the next
// one's mark does.
func HeldBehind(mailbox string) string {
	return "(SELECT min(r.mark) FROM replay r WHERE r.target = " + mailbox + " AND r.ended IS NULL AND r.state NOT IN ('PAUSED', 'CANCELLING'))"
}

// Sendable is whether a lane that is not empty has a copy that need not wait for a
// replay, as an SQL expression over m.row.
var Sendable = "(NOT " + Replaying + " OR EXISTS (SELECT 1 FROM inbox i WHERE i.mailbox = m.row AND i.position <= coalesce(" + HeldBehind("m.row") + ", " + highest + ")))"

// highest is the highest position.
const highest = "9223372036854775807"

// laneDeliveries reads the copies and the mark in one statement. A replay could be over
// between two, and what is live would be sent before its last copies.
var laneDeliveries = waitingRows + " WHERE c.mailbox = $1 AND c.position <= coalesce(" + HeldBehind("$1") + ", " + highest + ") ORDER BY 2 LIMIT $2"

// WaitingDeliveries is lane.Outbox's.
func (l *Ledger) WaitingDeliveries(ctx context.Context, lane store.Lane, max int) ([]store.Delivery, error) {
	out, err := read(ctx, l.engine.View, l.scanDelivery, laneDeliveries, lane.Mailbox, max)
	for i := range out {
		out[i].MailboxID = lane.MailboxID
	}
	return out, err
}
