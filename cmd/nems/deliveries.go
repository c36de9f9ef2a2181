package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"nems/internal/operator"
	"nems/internal/store"
)

// deliveriesCmd manages the copies that are on their way to mailboxes.
type deliveriesCmd struct {
	List   listDeliveries   `cmd:"" help:"List deliveries: waiting, sent, parked, withheld, acknowledged, undeliverable."`
	Show   showDelivery     `cmd:"" help:"Print everything known about one delivery."`
	Retry  retryDeliveries  `cmd:"" help:"Have parked deliveries tried again, at once."`
	Park   parkDeliveries   `cmd:"" help:"Set waiting deliveries aside."`
	Resend resendDeliveries `cmd:"" help:"Send mailboxes the copies that they had before again, while these are kept."`
}

// whichDeliveries selects deliveries: the filters of all the commands.
type whichDeliveries struct {
	Mailbox      string  `env:"-" help:"For this mailbox."`
	Subscription string  `env:"-" help:"Selected by the subscription with this id."`
	Event        int64   `env:"-" help:"Of the event with this number, as list shows it."`
	EventType    string  `env:"-" help:"Of the event type with this code."`
	From         instant `env:"-" help:"Not accepted before this moment: RFC 3339, a date, or how long ago (36h)."`
	To           instant `env:"-" help:"Accepted before this moment, in the same forms."`
}

func (w whichDeliveries) filter(state store.State) operator.DeliveryFilter {
	return operator.DeliveryFilter{Mailbox: w.Mailbox, Subscription: w.Subscription, Event: w.Event, EventType: w.EventType,
		State: state, From: w.From.Time, To: w.To.Time}
}

type listDeliveries struct {
	State store.State `enum:",waiting,sent,parked,withheld,acknowledged,undeliverable" default:"" env:"-" help:"Only in this state."`
	First int         `default:"100" env:"-" help:"List at most this many; 0 lists all."`
	whichDeliveries
	operated
	formatted
}

// Run prints the deliveries by mailbox, oldest first; as JSON one per line.
func (l *listDeliveries) Run(ctx context.Context) error {
	f := l.filter(l.State)
	return l.with(func(d operator.Face) error {
		found := first(l.First, operator.Each(ctx, d, operator.FindDeliveries, operator.Matching(f)))
		if l.Format == "json" {
			return printLines(found)
		}
		var rows [][]string
		for r, err := range found {
			if err != nil {
				return err
			}
			rows = append(rows, []string{r.ID, string(r.State), r.Mailbox, r.EventType, strconv.FormatInt(r.Event, 10),
				r.Accepted.Format(time.RFC3339), strconv.Itoa(r.Attempts), reason(r)})
		}
		return printTable("DELIVERY STATE MAILBOX EVENT-TYPE EVENT ACCEPTED ATTEMPTS REASON", rows)
	})
}

// first yields at most the first n; all when n is 0.
func first[T any](n int, all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		seen := 0
		for v, err := range all {
			if seen++; !yield(v, err) || seen == n {
				return
			}
		}
	}
}

// reason says in one cell why a delivery is in its state.
func reason(r operator.Delivery) string {
	switch {
	case r.Error == "" && r.ErrorCode == "":
		return "-"
	case r.ErrorCode == "":
		return r.Error
	}
	return r.ErrorCode + " " + r.Error
}

type showDelivery struct {
	ID string `arg:"" help:"Id of the delivery (Mex-LocalID)."`
	operated
}

// Run prints one delivery as JSON.
func (s *showDelivery) Run(ctx context.Context) error {
	return s.with(func(d operator.Face) error {
		row, err := operator.ShowDelivery.Do(ctx, d, operator.DeliveryRef{ID: s.ID})
		if err != nil {
			return err
		}
		return printJSON(row)
	})
}

// movedDeliveries names the deliveries of a move: by their ids or by filters.
type movedDeliveries struct {
	IDs []string `arg:"" optional:"" name:"id" help:"Ids of deliveries; without them the filters select."`
	whichDeliveries
	operated
}

type retryDeliveries struct{ movedDeliveries }

// Run has parked deliveries tried again.
func (r *retryDeliveries) Run(ctx context.Context) error {
	return r.move(ctx, operator.Retry, store.Retry.From)
}

type parkDeliveries struct{ movedDeliveries }

// Run sets waiting deliveries aside.
func (p *parkDeliveries) Run(ctx context.Context) error {
	return p.move(ctx, operator.Park, store.Park.From)
}

type resendDeliveries struct{ movedDeliveries }

// Run sends copies again: those that were sent, collected, or not collected in
// time.
func (r *resendDeliveries) Run(ctx context.Context) error {
	return r.move(ctx, operator.Resend, store.Resend.From)
}

// movesAtOnce is how many deliveries one request names.
const movesAtOnce = 1000

// move finds all deliveries in the states that a move applies to, and then
// moves them.
func (m *movedDeliveries) move(ctx context.Context, move operator.Move, states []store.State) error {
	if len(m.IDs) == 0 && m.whichDeliveries == (whichDeliveries{}) {
		return errors.New("give ids of deliveries, or select them by --mailbox, --subscription, --event, --event-type, --from and --to")
	}
	if len(m.IDs) > 0 && m.whichDeliveries != (whichDeliveries{}) {
		return errors.New("give either ids or filters")
	}
	return m.with(func(d operator.Face) error {
		ids := m.IDs
		if len(ids) == 0 {
			for _, state := range states {
				for r, err := range operator.Each(ctx, d, operator.FindDeliveries, operator.Matching(m.filter(state))) {
					if err != nil {
						return err
					}
					ids = append(ids, r.ID)
				}
			}
		}
		moved, left := 0, 0
		for len(ids) > 0 {
			n := min(len(ids), movesAtOnce)
			done, err := operator.MoveDeliveries.Do(ctx, d, operator.Moving{Move: move, IDs: ids[:n]})
			moved, left = moved+done.Moved, left+len(done.Left)
			if err != nil {
				return fmt.Errorf("after %d: %w", moved, err)
			}
			ids = ids[n:]
		}
		fmt.Fprintf(stdout(), "%d deliveries: %s\n", moved, move)
		if left > 0 && len(m.IDs) == 0 { // deliveries that a filter found may have changed their state since
			fmt.Fprintf(stdout(), "%d left: their state has changed since, or their mailbox is not registered for their workflow\n", left)
		} else if left > 0 {
			return fmt.Errorf("%d do not exist, are not in a state to %s, or are for a mailbox that is not registered for their workflow", left, move)
		}
		return nil
	})
}
