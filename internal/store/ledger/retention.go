package ledger

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
)

const (
	// purgesNoted is how long what was removed of a type waits for the entry of the audit
	// that tells of it: an entry for each step would be one a second.
	purgesNoted = time.Hour
	// retainedPause is how long events rest that could not be removed.
	retainedPause = time.Minute
	// retainedSteps limits how many of them are tried in one round.
	retainedSteps = 20
)

// retaining is how far the rules of event types have come. One round at a time.
type retaining struct {
	next   time.Time // when those are tried again that were left
	behind store.EventID
}

// RetainTypes removes events whose type has a rule of its own, and has the audit tell
// of what was removed by any rule.
func (l *Ledger) RetainTypes(ctx context.Context, now time.Time, idle func() bool) error {
	for _, rule := range l.options.RetentionTypes {
		if rule.Kept >= l.options.Retention {
			continue
		}
		if err := l.retainType(ctx, rule.Code, l.engine.Moments().Position(now.Add(-rule.Kept)), idle); err != nil {
			return err
		}
	}
	if err := l.retryRetained(ctx, now, idle); err != nil {
		return err
	}
	return l.notePurges(ctx, now)
}

// typed is an event with its type.
type typed struct {
	id   store.EventID
	code string
}

func scanTyped(r Row) (t typed, err error) { return t, r.Scan(&t.id, &t.code) }

// retainType looks at each event once, and leaves those for later that are not resolved.
func (l *Ledger) retainType(ctx context.Context, code string, before store.EventID, idle func() bool) error {
	for idle() {
		swept, err := read(ctx, l.engine.Read, func(r Row) (id store.EventID, err error) { return id, r.Scan(&id) }, "SELECT swept FROM purged WHERE code = $1", code)
		if err != nil {
			return err
		}
		after := slices.Max(append(swept, 0))
		found, err := read(ctx, l.engine.Read, scanTyped, `SELECT e.id, t.code FROM event e JOIN event_type t ON t.id = e.type
			WHERE e.id > $1 AND e.id < $2 ORDER BY e.id LIMIT $3`, after, before, SweptStep)
		if err != nil || len(found) == 0 {
			return err
		}
		var ids []store.EventID
		for _, e := range found {
			if e.code == code {
				ids = append(ids, e.id)
			}
		}
		left, err := l.engine.RemoveEvents(ctx, ids)
		if err != nil {
			return err
		}
		if _, err := l.engine.Change(ctx, sweptTo{code, found[len(found)-1].id, left}); err != nil {
			return err
		}
		if len(found) < SweptStep {
			return nil
		}
	}
	return nil
}

// sweptTo notes how far a rule has come, and which events it left.
type sweptTo struct {
	code string
	to   store.EventID
	left []store.EventID
}

func (o sweptTo) Apply(tx Tx) (any, error) {
	tx.Later("INSERT INTO purged (code, swept) VALUES ($1, $2) ON CONFLICT (code) DO UPDATE SET swept = excluded.swept", o.code, o.to)
	for _, id := range o.left {
		tx.Later("INSERT INTO retained (event, code) VALUES ($1, $2) ON CONFLICT (event) DO NOTHING", id, o.code)
	}
	return nil, nil
}

// retryRetained tries those again that were not resolved.
func (l *Ledger) retryRetained(ctx context.Context, now time.Time, idle func() bool) error {
	if now.Before(l.retaining.next) {
		return nil
	}
	for range retainedSteps {
		if !idle() {
			return nil
		}
		ids, err := read(ctx, l.engine.Read, func(r Row) (id store.EventID, err error) { return id, r.Scan(&id) },
			"SELECT event FROM retained WHERE event > $1 ORDER BY event LIMIT $2", l.retaining.behind, SweptStep)
		if err != nil {
			return err
		}
		left, err := l.engine.RemoveEvents(ctx, ids)
		if err != nil {
			return err
		}
		gone := slices.DeleteFunc(slices.Clone(ids), func(id store.EventID) bool { return slices.Contains(left, id) })
		if len(gone) > 0 {
			if _, err := l.engine.Change(ctx, released{l.dialect, gone}); err != nil {
				return err
			}
		}
		if len(ids) < SweptStep {
			l.retaining.behind, l.retaining.next = 0, now.Add(retainedPause)
			return nil
		}
		l.retaining.behind = ids[len(ids)-1]
	}
	return nil
}

// released forgets events that were removed.
type released struct {
	dialect Dialect
	events  []store.EventID
}

func (o released) Apply(tx Tx) (any, error) {
	ids := make([]int64, len(o.events))
	for i, id := range o.events {
		ids[i] = int64(id)
	}
	_, err := tx.Exec("DELETE FROM retained WHERE "+o.dialect.In("event", "$1", Numbers), ids)
	return nil, err
}

// Tally counts what one transaction removes, by event type. Engines add it in that
// transaction.
type Tally map[string]store.Purged

// Add counts one event.
func (t Tally) Add(code string, id store.EventID, copies, bytes int64) {
	p := t[code]
	p.Events, p.Copies, p.Bytes, p.UpTo = p.Events+1, p.Copies+copies, p.Bytes+bytes, max(p.UpTo, id)
	t[code] = p
}

// Plus adds another tally.
func (t Tally) Plus(other Tally) {
	for code, o := range other {
		p := t[code]
		t[code] = store.Purged{Events: p.Events + o.Events, Copies: p.Copies + o.Copies, Bytes: p.Bytes + o.Bytes, UpTo: max(p.UpTo, o.UpTo)}
	}
}

// Less returns a tally without what another has; types of which nothing is left are
// left out.
func (t Tally) Less(other Tally) Tally {
	out := Tally{}
	for code, p := range t {
		o := other[code]
		p.Events, p.Copies, p.Bytes = p.Events-o.Events, p.Copies-o.Copies, p.Bytes-o.Bytes
		if p.Events > 0 {
			out[code] = p
		}
	}
	return out
}

// TallyStatement adds one type's count: code, moment, events, copies, bytes, newest.
const TallyStatement = `INSERT INTO purged AS p (code, since, events, copies, bytes, upto) VALUES ($1, $2, $3, $4, $5, $6)
	ON CONFLICT (code) DO UPDATE SET since = CASE WHEN p.since = 0 THEN excluded.since ELSE p.since END, events = p.events + excluded.events,
	copies = p.copies + excluded.copies, bytes = p.bytes + excluded.bytes, upto = CASE WHEN p.upto > excluded.upto THEN p.upto ELSE excluded.upto END`

// Args lists what TallyStatement takes, for each type in the order of the codes.
func (t Tally) Args(now time.Time) (out [][]any) {
	for _, code := range sortedCodes(t) {
		p := t[code]
		out = append(out, []any{code, now.UnixMicro(), p.Events, p.Copies, p.Bytes, int64(p.UpTo)})
	}
	return out
}

func sortedCodes(t Tally) (codes []string) {
	for code := range t {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}

// Purges is operator.Retained's.
func (l *Ledger) Purges(ctx context.Context) ([]store.Purged, error) {
	return read(ctx, l.engine.View, scanPurged, selectPurged+" ORDER BY code")
}

const selectPurged = "SELECT code, events, copies, bytes, upto, since, noted, told FROM purged"

func scanPurged(r Row) (p store.Purged, err error) {
	var since, noted int64
	err = r.Scan(&p.Code, &p.Events, &p.Copies, &p.Bytes, &p.UpTo, &since, &noted, &p.Told)
	if since != 0 {
		p.Since = time.UnixMicro(since).UTC()
	}
	if noted != 0 {
		p.Noted = time.UnixMicro(noted).UTC()
	}
	return p, err
}

// PurgeProof is the object of the entry of the audit that tells what was removed: never
// rename a member.
type PurgeProof struct {
	UpTo    store.EventID `json:"upTo"` // the newest event that was removed
	Moment  time.Time     `json:"moment"`
	Events  int64         `json:"events"` // each with its message
	Copies  int64         `json:"copies"`
	Bytes   int64         `json:"bytes"` // of the messages
	From    time.Time     `json:"from"`  // when the first of them was removed
	Kept    string        `json:"kept"`  // the rule in force
	General bool          `json:"general,omitempty"`
}

// notePurges has the audit tell of what was removed an hour ago and since.
func (l *Ledger) notePurges(ctx context.Context, now time.Time) error {
	due, err := read(ctx, l.engine.Read, scanPurged, selectPurged+" WHERE since > 0 AND since <= $1 ORDER BY code", now.Add(-purgesNoted).UnixMicro())
	if err != nil || len(due) == 0 {
		return err
	}
	_, err = l.engine.Commit(ctx, notePurges{l, now, due})
	return err
}

type notePurges struct {
	ledger *Ledger
	now    time.Time
	due    []store.Purged
}

// Apply writes an entry for each type, and counts anew, in one transaction.
func (o notePurges) Apply(tx Tx) (any, error) {
	rules := store.RetentionRules{General: o.ledger.options.Retention, Types: o.ledger.options.RetentionTypes}
	for _, due := range o.due {
		p, err := all(tx, scanPurged, selectPurged+" WHERE code = $1"+tx.Lock("purged"), due.Code)
		if err != nil {
			return nil, err
		}
		if len(p) == 0 || p[0].Since.IsZero() {
			continue
		}
		kept := rules.Of(due.Code)
		proof := PurgeProof{p[0].UpTo, o.ledger.engine.Moments().Of(p[0].UpTo).UTC(), p[0].Events, p[0].Copies, p[0].Bytes, p[0].Since, kept.String(), kept == rules.General}
		object, err := json.Marshal(proof)
		if err != nil {
			return nil, err
		}
		tx.Later("UPDATE purged SET since = 0, events = 0, copies = 0, bytes = 0, noted = $2, told = $3 WHERE code = $1", due.Code, o.now.UnixMicro(), string(object))
		tx.Record(audit.Entry{At: o.now, Action: audit.ActionPurge, EventType: due.Code, Object: string(object), Count: int(p[0].Events)})
	}
	return nil, nil
}

// KeptEvents is operator.Retained's.
func (l *Ledger) KeptEvents(ctx context.Context, after store.EventID, overdueBefore func(code string) store.EventID, max, mostOverdue int) (out store.KeptEvents, err error) {
	found, err := read(ctx, l.engine.View, scanTyped, `SELECT e.id, t.code FROM event e JOIN event_type t ON t.id = e.type WHERE e.id > $1 ORDER BY e.id LIMIT $2`, after, max)
	if err != nil {
		return out, err
	}
	at, overdue := map[string]int{}, 0
	for i, e := range found {
		if _, known := at[e.code]; !known {
			at[e.code] = len(out.Types)
			out.Types = append(out.Types, store.KeptType{Code: e.code, Oldest: e.id})
		}
		if e.id < overdueBefore(e.code) {
			t := &out.Types[at[e.code]]
			t.Overdue = append(t.Overdue, e.id)
			if overdue++; overdue == mostOverdue && i < len(found)-1 {
				out.Next = e.id
				return out, nil
			}
		}
	}
	if len(found) == max {
		out.Next = found[max-1].id
	}
	return out, nil
}
