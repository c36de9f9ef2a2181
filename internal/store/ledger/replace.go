package ledger

import (
	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

// replacing puts a subscription in the place of the one of its id.
type replacing struct {
	store.Filing
	sameID string // the condition that a mailbox has its id, $1
	entry  audit.Entry
}

func (o replacing) Apply(tx Tx) (any, error) {
	found, err := all(tx, scanSubscription, selectSubscription+" WHERE id = $1"+tx.Lock("subscription"), o.ID[:])
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || !found[0].Live() || found[0].Ended(o.Now) {
		return nil, refuse(store.ErrNotFound)
	}
	var mailbox int64
	if there, err := first(tx, []any{&mailbox}, "SELECT row FROM mailbox WHERE "+o.sameID, o.Mailbox); err != nil || !there {
		return nil, orNotFound(err)
	}
	var twin []byte
	twins := "SELECT id FROM subscription WHERE hash = $1 AND same = $2 AND id <> $3 AND (ends IS NULL OR ends > $4)"
	if there, err := first(tx, []any{&twin}, twins, o.Hash, o.Same, o.ID[:], o.Now.UnixMicro()); err != nil || there {
		if err != nil {
			return nil, err
		}
		return nil, refuse(&store.DuplicateError{ID: subscription.ID(twin)})
	}
	if err := tx.Unroute(o.ID); err != nil {
		return nil, err
	}
	tx.Later("UPDATE subscription SET same = NULL WHERE hash = $1 AND same = $2 AND ends <= $3", o.Hash, o.Same, o.Now.UnixMicro())
	tx.Later(`UPDATE subscription SET mailbox = $1, endpoint = $2, criteria = $3, hash = $4, same = $5, status = $6, ends = $7, reason = $8,
		class = $9, version = version + 1, error = '' WHERE id = $10`,
		mailbox, o.Mailbox, o.Criteria.Text, o.Hash, o.Same, store.StatusNumber(o.Status), instant(o.End), o.Reason, o.Group, o.ID[:])
	tx.Record(o.entry)
	return nil, tx.Route(&o.Subscription, mailbox, o.Hash)
}

// orNotFound is what a mailbox that is not there is refused with.
func orNotFound(err error) error {
	if err != nil {
		return err
	}
	return refuse(store.ErrNotFound)
}
