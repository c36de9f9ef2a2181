package ledger

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"nems/internal/store"
	"nems/internal/subscription"
)

const (
	// replayedStep is how many rows a statement reads for a replay, and mostReplayed
	// how many a page looks at, however few of them are the subscription's.
	replayedStep = 1000
	mostReplayed = 10 * replayedStep
)

// copiesBetween are the copies of a mailbox, whatever became of them, in the order
// of acceptance.
const copiesBetween = `SELECT c.position, t.code, t.workflow, c.status, c.asked, e.id, e.patient FROM (
	SELECT position, type, asked, status FROM collected WHERE mailbox = CAST($1 AS bigint) AND position BETWEEN CAST($2 AS bigint) AND CAST($3 AS bigint) AND type <> 0
	UNION ALL SELECT position, type, asked, 'accepted' FROM inbox WHERE mailbox = CAST($1 AS bigint) AND position BETWEEN CAST($2 AS bigint) AND CAST($3 AS bigint) AND type <> 0
	ORDER BY 1 LIMIT $4) c JOIN event_type t ON t.id = c.type LEFT JOIN event e ON e.id = c.position ORDER BY 1`

// ReplayPage is replay.Pages'.
func (l *Ledger) ReplayPage(ctx context.Context, r store.Replay, max int) (page store.ReplayPage, err error) {
	if r.Earlier {
		if page, err = l.earlierPage(ctx, r, max); err != nil || page.Cursor > 0 {
			return page, err
		}
	}
	page.Cursor = r.Cursor
	// As many rows as are wanted, and more where few are the subscription's.
	for looked, step := 0, min(max, replayedStep); looked < mostReplayed && len(page.Copies) < max; step = min(2*step, replayedStep) {
		last := page.Cursor
		rows := 0
		err := l.engine.Read(ctx, func(reader Reader) error {
			kept := len(page.Copies)
			rows, page.Cursor, page.Copies = 0, last, page.Copies[:kept] // read may run again
			return reader.Query(func(row Row) error {
				rows++
				if len(page.Copies) >= max {
					return nil
				}
				c, asked, err := scanReplayCopy(row)
				if page.Cursor = c.Event; names(asked, r.Subscription) {
					page.Copies = append(page.Copies, c)
				}
				return err
			}, copiesBetween, r.Source, last+1, r.Mark, step)
		})
		if err != nil {
			return store.ReplayPage{}, err
		}
		if looked += rows; rows < step && len(page.Copies) < max {
			page.Cursor, page.End = r.Mark, true
			break
		}
	}
	return page, nil
}

// earlierPage is the part of ReplayPage before the subscription's start: the events
// that would have matched it by what was known of them when they were accepted. Its
// cursor is 0 behind that part.
func (l *Ledger) earlierPage(ctx context.Context, r store.Replay, max int) (page store.ReplayPage, err error) {
	found, err := read(ctx, l.engine.Read, scanSubscription, selectSubscription+" WHERE id = $1", r.Subscription[:])
	if err != nil || len(found) == 0 {
		return page, err
	}
	s := found[0].Subscription
	last := min(l.Position(s.Created)-1, r.Mark)
	if r.Cursor >= last {
		return page, nil
	}
	events, err := read(ctx, l.engine.Read, l.scanAccepted, selectAccepted+" WHERE e.id > $1 AND e.id <= $2 ORDER BY e.id LIMIT $3", r.Cursor, last, max)
	if err != nil {
		return page, err
	}
	s.Created, s.Status = time.Time{}, subscription.Active
	for i := range events {
		e := &events[i]
		page.Cursor = e.Event
		if e.Facts == nil || e.Withheld || e.Waiting || !subscription.Explain(&s, e.Facts).Matched {
			continue
		}
		page.Copies = append(page.Copies, store.ReplayCopy{Event: e.Event, Code: e.Code, Workflow: e.Workflow, State: store.Sent, Patient: &e.Patient, Anew: true})
	}
	if len(events) < max {
		page.Cursor, page.End = last, last == r.Mark
	}
	return page, nil
}

// MostReplayed is replay.Queue's.
func (l *Ledger) MostReplayed() int { return l.dialect.MostReplayed() }

func scanReplayCopy(row Row) (c store.ReplayCopy, asked []byte, err error) {
	var state string
	var event, patient *int64
	if err = row.Scan(&c.Event, &c.Code, &c.Workflow, &state, &asked, &event, &patient); err != nil {
		return c, nil, err
	}
	if c.Lost = event == nil; patient != nil {
		if c.Patient, err = store.UnpackPatient(*patient); err != nil {
			return c, nil, fmt.Errorf("event %d: %w", c.Event, err)
		}
	}
	c.State, err = store.ParseState(state)
	return c, asked, err
}

// names reports whether packed ids have one.
func names(asked []byte, id subscription.ID) bool {
	for ; len(asked) >= len(id); asked = asked[len(id):] {
		if bytes.Equal(asked[:len(id)], id[:]) {
			return true
		}
	}
	return false
}

// replayStep gives copies to a mailbox again, and moves the cursor.
type replayStep struct {
	l     *Ledger
	clock string
	now   any
	lease time.Duration
	store.Replay
	store.ReplayStep
}

// Replayed is replay.Queue's.
func (l *Ledger) Replayed(ctx context.Context, r store.Replay, s store.ReplayStep, lease time.Duration) (store.Replay, error) {
	if err := l.engine.KnowWorkflows(ctx); err != nil {
		return r, err
	}
	clock, now := l.dialect.LeaseClock()
	return change[store.Replay](ctx, l, replayStep{l, clock, now, lease, r, s})
}

func (o replayStep) Apply(tx Tx) (any, error) {
	wanted, anew, err := o.allowed(tx)
	if err != nil {
		return nil, err
	}
	n := store.ParseReplayID(o.ID)
	held, err := tx.Exec("UPDATE replay SET expires = "+o.clock+" + $2 WHERE id = $3 AND owner = $4 AND generation = $5 AND cursor = $6",
		o.now, o.lease.Microseconds(), n, o.Owner, o.Generation, o.Replay.Cursor)
	if err != nil {
		return nil, err
	}
	if held == 0 {
		return nil, refuse(store.ErrClaimLost)
	}
	after, counts := o.Replay, o.ReplayStep.Counts
	sent, err := o.give(tx, n, wanted, anew)
	if err != nil {
		return nil, err
	}
	counts.Sent += int64(sent)
	counts.Passed += int64(len(o.Move) - sent)
	after.Counts.Add(counts)
	if counts.Of > 0 {
		after.Counts.Of = counts.Of
	}
	if after.Cursor = o.ReplayStep.Cursor; o.ReplayStep.State != "" {
		after.State = o.ReplayStep.State
	}
	if after.State.Over() {
		after.Ended, after.Reason = o.At, o.ReplayStep.Reason
	}
	c := after.Counts
	tx.Later(`UPDATE replay SET cursor = $2, state = $3, total = $4, sent = $5, withheld = $6, expired = $7, passed = $8, ended = $9, reason = $10 WHERE id = $1`,
		n, after.Cursor, string(after.State), c.Of, c.Sent, c.Withheld, c.Expired, c.Passed, instant(after.Ended), after.Reason)
	if o.Entry != nil {
		e := *o.Entry
		e.Reason = after.Told()
		tx.Record(e)
	}
	return after, nil
}

// give moves the copies that the target had back into its inbox, and makes those
// that it has not. Its answer is how many.
func (o replayStep) give(tx Tx, replay int64, wanted, anew []int64) (int, error) {
	if len(wanted) == 0 {
		return 0, nil
	}
	in := o.l.dialect.In("position", "$2", Numbers)
	const had = " WHERE mailbox = $1 AND status IN ('sent', 'acknowledged', 'undeliverable') AND "
	back, err := column[int64](tx, "SELECT position FROM collected"+had+in+" ORDER BY position"+tx.Lock("collected"), o.Target, wanted)
	if err != nil {
		return 0, err
	}
	if len(back) > 0 {
		tx.Later(`INSERT INTO inbox (mailbox, position, type, size, asked, partner)
			SELECT mailbox, position, type, size, asked, partner FROM collected WHERE mailbox = $1 AND `+in, o.Target, back)
		tx.Later("DELETE FROM collected WHERE mailbox = $1 AND "+in, o.Target, back)
	}
	made, err := o.make(tx, anew)
	if err != nil {
		return 0, err
	}
	given := append(back, made...)
	if len(given) > 0 {
		tx.Later(`INSERT INTO delivery AS d (mailbox, position, round, replay) SELECT mailbox, position, 1, CAST($3 AS bigint) FROM inbox WHERE mailbox = $1 AND `+in+`
			ON CONFLICT (mailbox, position) DO UPDATE SET round = d.round + 1, replay = $3,
			attempts = 0, refusals = 0, first = NULL, uncertain = false, mesh_id = NULL, fault = NULL`, o.Target, given, replay)
	}
	return len(given), nil
}

// allowed lists the positions of what is to be moved and what to be made, without
// what the target must not be given. It changes nothing.
func (o replayStep) allowed(tx Tx) (wanted, anew []int64, err error) {
	refused := map[string]bool{}
	for _, c := range o.Move {
		no, known := refused[c.Workflow]
		if !known {
			if no, err = tx.Refuses(c.Workflow, o.Target); err != nil {
				return nil, nil, err
			}
			refused[c.Workflow] = no
		}
		if no {
			continue
		}
		if wanted = append(wanted, int64(c.Event)); c.Anew {
			anew = append(anew, int64(c.Event))
		}
	}
	if len(anew) == 0 {
		return wanted, nil, nil
	}
	// What is still being spread gets its own copies first.
	unspread := o.l.dialect.Unspread()
	waits, err := column[int64](tx, "SELECT event FROM "+unspread+" WHERE "+o.l.dialect.In("event", "$1", Numbers), anew)
	if err == nil && len(waits) > 0 {
		err = refuse(store.ErrBusy)
	}
	return wanted, anew, err
}

// make makes the copies that the target has in no state. Its answer is their
// positions.
func (o replayStep) make(tx Tx, anew []int64) ([]int64, error) {
	if len(anew) == 0 {
		return nil, nil
	}
	subscriptions, err := all(tx, scanSubscription, selectSubscription+" WHERE id = $1", o.Subscription[:])
	if err != nil || len(subscriptions) == 0 {
		return nil, err
	}
	partner := subscription.PartnerID(o.Subscription, subscriptions[0].Criteria.Tag)
	positions, err := column[int64](tx, "SELECT e.id FROM event e WHERE "+o.l.dialect.In("e.id", "$2", Numbers)+`
		AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.mailbox = $1 AND i.position = e.id)
		AND NOT EXISTS (SELECT 1 FROM collected c WHERE c.mailbox = $1 AND c.position = e.id) ORDER BY e.id`, o.Target, anew)
	if err != nil || len(positions) == 0 {
		return nil, err
	}
	tx.Later(`INSERT INTO inbox (mailbox, position, type, size, asked, partner)
		SELECT $1, e.id, e.type, e.size, $3, $4 FROM event e WHERE `+o.l.dialect.In("e.id", "$2", Numbers)+`
		ON CONFLICT (mailbox, position) DO NOTHING`, o.Target, positions, o.Subscription[:], orNull(partner))
	return positions, tx.CopiedTo(o.Target, positions)
}
