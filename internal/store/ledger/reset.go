package ledger

import "context"

// reset empties mailboxes.
type reset struct{ mailbox int64 }

// EmptyMailboxes removes all that mailboxes hold: of all, or of one when mailbox
// is not 0. For development only.
func (l *Ledger) EmptyMailboxes(ctx context.Context, mailbox int64) error {
	_, err := l.engine.Change(ctx, reset{mailbox})
	return err
}

func (o reset) Apply(tx Tx) (any, error) {
	const (
		its = " WHERE CAST($1 AS bigint) = 0 OR mailbox = CAST($1 AS bigint)"
		of  = " WHERE CAST($1 AS bigint) = 0 OR position IN (SELECT position FROM message WHERE mailbox = CAST($1 AS bigint))"
	)
	for _, statement := range []string{
		"DELETE FROM inbox" + its, "DELETE FROM collected" + its, "DELETE FROM delivery" + its,
		"DELETE FROM chunk" + of, "DELETE FROM piece" + of, "DELETE FROM message" + its, "UPDATE upload SET size = 0" + its,
	} {
		tx.Later(statement, o.mailbox)
	}
	return nil, nil
}
