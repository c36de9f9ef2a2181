package ledger

import (
	"context"

	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// suspending suspends subscriptions, or puts them back.
type suspending struct {
	all    map[subscription.ID]store.Suspension
	ids    [][]byte
	withID string // selects them, in the order of their ids
}

// SuspendAll is database.Standing's.
func (l *Ledger) SuspendAll(ctx context.Context, all []store.Suspension) (changed int, err error) {
	op := suspending{all: map[subscription.ID]store.Suspension{}, withID: withIDs(l.dialect)}
	for _, s := range all {
		op.all[s.ID] = s
		op.ids = append(op.ids, s.ID[:])
	}
	return answer[int](l.engine.Commit(ctx, op))
}

func (o suspending) Apply(tx Tx) (any, error) {
	found, err := all(tx, scanSubscription, selectSubscription+o.withID+tx.Lock("subscription"), o.ids)
	if err != nil {
		return nil, err
	}
	changed := 0
	for i := range found {
		s := &found[i]
		wanted := o.all[s.ID]
		switch suspend := wanted.Why != ""; {
		case s.broken:
			continue
		case suspend && s.Status == subscription.Active:
			tx.Later("UPDATE subscription SET status = 4, version = version + 1, error = $1 WHERE id = $2", wanted.Why, s.ID[:])
			err = tx.Unroute(s.ID)
		case !suspend && s.Suspended:
			s.Status, s.Suspended = subscription.Active, false
			tx.Later("UPDATE subscription SET status = 2, version = version + 1, error = '' WHERE id = $1", s.ID[:])
			err = tx.Route(&s.Subscription, s.mailbox, s.hash)
		case suspend && s.Suspended && s.Error != wanted.Why: // for another reason now
			tx.Later("UPDATE subscription SET version = version + 1, error = $1 WHERE id = $2", wanted.Why, s.ID[:])
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		tx.Record(wanted.Audit)
		changed++
	}
	return changed, nil
}

// SubscriptionOwners is database.Standing's.
func (l *Ledger) SubscriptionOwners(ctx context.Context, after nhs.ODSCode, max int) (out []nhs.ODSCode, err error) {
	err = l.engine.Read(ctx, func(r Reader) error {
		// One at a time: an index finds the next owner, however many subscriptions each has.
		for next := string(after); len(out) < max; {
			found, err := first(r, []any{&next}, "SELECT ods FROM subscription WHERE ods > $1 ORDER BY ods LIMIT 1", next)
			if err != nil || !found {
				return err
			}
			out = append(out, nhs.ODSCode(next))
		}
		return nil
	})
	return out, err
}
