package ledger

import (
	"context"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Subscribing is an Op that may create a subscription, which quotas are asked for, and a
// mailbox.
type Subscribing interface{ Subscribes() store.Filing }

// bringing stores a subscription with the endpoint that it brings along.
type bringing struct {
	store.Filing
	with   store.Brought
	quotas *store.QuotaGuard
	sameID string // the condition that a mailbox has its id, $1
}

// replacingWith does so in the place of the subscription of its id.
type replacingWith struct {
	bringing
	entry audit.Entry
}

// SubscribeWith is broker.Journal's.
func (l *Ledger) SubscribeWith(ctx context.Context, s subscription.Subscription, with store.Brought, entry audit.Entry) (row int64, err error) {
	return answer[int64](l.engine.Commit(ctx, l.bringing(store.Creation{Subscription: s, Audit: entry}, with)))
}

// ReplaceWith is broker.Journal's.
func (l *Ledger) ReplaceWith(ctx context.Context, s subscription.Subscription, with store.Brought, entry audit.Entry) error {
	_, err := l.engine.Commit(ctx, replacingWith{l.bringing(store.Creation{Subscription: s}, with), entry})
	return err
}

func (l *Ledger) bringing(c store.Creation, with store.Brought) bringing {
	return bringing{c.File(l.options.Now()), with, l.quotas, l.dialect.SameID("id", "$1")}
}

// Subscribes is Subscribing's.
func (o bringing) Subscribes() store.Filing { return o.Filing }

func (o bringing) Apply(tx Tx) (any, error) {
	return o.whole(tx, func() error { return tx.Subscribe(o.Filing) })
}

func (o replacingWith) Apply(tx Tx) (any, error) {
	return o.whole(tx, func() error {
		_, err := replacing{o.Filing, o.sameID, o.entry}.Apply(tx)
		return err
	})
}

// whole puts the endpoint and has the subscription filed.
func (o bringing) whole(tx Tx, file func() error) (any, error) {
	var row int64
	err := tx.Whole(func() (err error) {
		if err = o.held(tx); err == nil {
			row, err = o.put(tx)
		}
		if err == nil {
			err = file()
		}
		return err
	})
	return row, err
}

// held refuses an address that an operator has switched off for the organisation.
func (o bringing) held(tx Tx) error {
	all, err := column[string](tx, "SELECT e.held FROM endpoint e JOIN mailbox m ON m.row = e.mailbox WHERE m.ods = $1 AND e.held IS NOT NULL", string(o.ODS))
	if err != nil {
		return err
	}
	to := store.AddressOf(o.with.Endpoint.Value)
	for _, held := range all {
		if store.Holds(held, to) {
			return refuse(&store.HeldError{})
		}
	}
	return nil
}

// put stores the endpoint, if it is not there as it is, and returns its row.
func (o bringing) put(tx Tx) (row int64, err error) {
	box, wanted := o.with.Endpoint.Mailbox, o.with.Endpoint
	there, err := first(tx, []any{&row}, "SELECT row FROM mailbox WHERE "+o.sameID, box.ID)
	if err != nil {
		return 0, err
	}
	var value []byte
	var version int64
	known := false
	if there {
		if err := o.alone(tx, row); err != nil {
			return 0, err
		}
		if known, err = first(tx, []any{&value, &version}, "SELECT value, version FROM endpoint WHERE mailbox = $1"+tx.Lock("endpoint"), row); err != nil {
			return 0, err
		}
	}
	if !known {
		if err := o.room(tx); err != nil {
			return 0, err
		}
		if row, err = tx.MakeMailbox(box); err != nil {
			return 0, err
		}
	}
	// It is needed again, by what is to be filed.
	tx.Later("UPDATE endpoint SET idle = NULL WHERE mailbox = $1 AND idle IS NOT NULL", row)
	if known && string(value) == string(wanted.Value) {
		return row, nil
	}
	wanted.Mailbox.Row = row
	_, err = putEndpoint{wanted, string(o.ODS), true, &o.with.Audit}.Apply(tx)
	return row, err
}

// alone refuses an endpoint that another live subscription names, if it is to have one.
func (o bringing) alone(tx Tx, row int64) error {
	if !o.with.Alone {
		return nil
	}
	var other []byte
	there, err := first(tx, []any{&other}, "SELECT id FROM subscription WHERE mailbox = $1 AND id <> $2 AND status <> 3 AND (ends IS NULL OR ends > $3)",
		row, o.ID[:], o.Now.UnixMicro())
	if err == nil && there {
		err = refuse(&store.DuplicateError{ID: subscription.ID(other)})
	}
	return err
}

// room refuses an endpoint more than the organisation may have.
func (o bringing) room(tx Tx) error {
	var used int64
	if _, err := first(tx, []any{&used}, "SELECT count(*) FROM endpoint WHERE owner = $1", string(o.ODS)); err != nil {
		return err
	}
	if full := o.quotas.Room(store.EndpointsQuota, used, 1); full != nil {
		return refuse(full)
	}
	return nil
}
