package ledger

import (
	"context"
	"slices"
	"time"

	"nems/internal/store"
)

const (
	// countLag is how far behind the clock counting stays, so that most of what is on
	// its way to the disk has arrived; settledAfter is how long after its end a minute is
	// counted for the last time. What is committed later still is not counted.
	countLag     = 5 * time.Second
	settledAfter = 3 * time.Minute
	// farthestBack is how far back counting begins in a database that has no counts.
	farthestBack = 24 * time.Hour
	// minutesAtOnce is how many minutes one transaction writes, and mostMinutes how many
	// one round of housekeeping counts.
	minutesAtOnce = 60
	mostMinutes   = 1440
	// tailMinutes and tailEvents limit what a reader counts that housekeeping has not
	// counted yet.
	tailMinutes = 10
	tailEvents  = 40_000
)

// minuteCount is a minute as it was counted.
type minuteCount struct {
	store.Counted
	waiting int64
	counted time.Time
}

// until is up to when the count holds.
func (m *minuteCount) until() time.Time {
	if end := m.At.Add(time.Minute); m.counted.Add(-countLag).After(end) {
		return end
	}
	return m.counted.Add(-countLag)
}

func scanMinute(r Row) (m minuteCount, err error) {
	var at, counted int64
	err = r.Scan(&at, &m.Published, &m.Refused, &m.Matched, &m.Copies, &m.Collected, &m.waiting, &counted)
	m.At, m.counted = moment(&at), moment(&counted)
	return m, err
}

const selectBars = "SELECT at, published, refused, matched, copies, collected, waiting, counted FROM count_bar WHERE per = "

// CountMinutes is database.Counting's. A minute is always counted whole, again until it
// is over and once more when nothing can come any more; those with events that waited
// for the patient directory whenever fewer of them wait. So nothing is counted twice,
// whichever node counts, and what is routed late is not lost.
func (l *Ledger) CountMinutes(ctx context.Context) error {
	now := l.options.Now()
	latest, err := read(ctx, l.engine.Read, scanMinute, selectBars+"1 ORDER BY at DESC LIMIT $1", 2*int(settledAfter/time.Minute)+2)
	if err != nil {
		return err
	}
	first, err := l.firstUncounted(ctx, latest, now)
	if err != nil {
		return err
	}
	if err := l.countAgain(ctx, first, now); err != nil {
		return err
	}
	var some countedMinutes
	last := store.PerMinute.Start(now.Add(-countLag))
	for n := 0; n < mostMinutes && !first.After(last); first = first.Add(time.Minute) {
		if slices.ContainsFunc(latest, func(m minuteCount) bool { return m.At.Equal(first) && m.enough(now) }) {
			continue
		}
		m, err := l.countMinute(ctx, first, now)
		if err != nil {
			return err
		}
		if some, n = append(some, m), n+1; len(some) == minutesAtOnce {
			if _, err := l.engine.Change(ctx, some); err != nil {
				return err
			}
			some = nil
		}
	}
	if len(some) == 0 {
		return nil
	}
	_, err = l.engine.Change(ctx, some)
	return err
}

// settled tells whether a minute was counted for the last time.
func (m *minuteCount) settled() bool { return !m.counted.Before(m.At.Add(time.Minute + settledAfter)) }

// enough tells whether a minute need not be counted again yet.
func (m *minuteCount) enough(now time.Time) bool {
	end := m.At.Add(time.Minute)
	return m.settled() || !m.counted.Before(end.Add(countLag)) && now.Before(end.Add(settledAfter))
}

// firstUncounted is the first minute that is to be counted again, or at all. latest are
// the newest that were counted, the newest first.
func (l *Ledger) firstUncounted(ctx context.Context, latest []minuteCount, now time.Time) (time.Time, error) {
	start := store.PerMinute.Start(now.Add(-countLag))
	if len(latest) == 0 {
		return l.firstEver(ctx, start)
	}
	for _, m := range latest {
		next := m.At
		if m.settled() {
			next = next.Add(time.Minute)
		}
		if next.Before(start) {
			start = next
		}
		if m.settled() {
			break
		}
	}
	return start, nil
}

// firstEver is where counting begins in a database without counts.
func (l *Ledger) firstEver(ctx context.Context, start time.Time) (time.Time, error) {
	oldest, err := read(ctx, l.engine.Read, scanEventID, "SELECT id FROM event WHERE id >= $1 ORDER BY id LIMIT 1",
		l.engine.Moments().Position(start.Add(-farthestBack)))
	if err != nil || len(oldest) == 0 {
		return start, err
	}
	if at := store.PerMinute.Start(l.engine.Moments().Of(oldest[0])); at.Before(start) {
		return at, nil
	}
	return start, nil
}

// countAgain counts the minutes before a moment in which fewer events wait for the
// patient directory than when they were counted.
func (l *Ledger) countAgain(ctx context.Context, before, now time.Time) error {
	rows, err := read(ctx, l.engine.Read, scanMinute, selectBars+"1 AND waiting > 0 AND at < $1 ORDER BY at LIMIT $2", before.UnixMicro(), minutesAtOnce)
	if err != nil {
		return err
	}
	var some countedMinutes
	for _, m := range rows {
		n, err := l.waitingIn(ctx, m.At, m.At.Add(time.Minute))
		if err != nil {
			return err
		}
		if n == m.waiting {
			continue
		}
		again, err := l.countMinute(ctx, m.At, now)
		if err != nil {
			return err
		}
		some = append(some, again)
	}
	if len(some) == 0 {
		return nil
	}
	_, err = l.engine.Change(ctx, some)
	return err
}

// countMinute counts a minute up to now.
func (l *Ledger) countMinute(ctx context.Context, at, now time.Time) (m minuteCount, err error) {
	m = minuteCount{Counted: store.Counted{At: at}, counted: now}
	if m.waiting, err = l.waitingIn(ctx, at, m.until()); err != nil { // before the events: one that is routed meanwhile is counted again
		return m, err
	}
	_, err = l.countSpan(ctx, &m.Counted, at, m.until(), 1<<40)
	return m, err
}

func (l *Ledger) waitingIn(ctx context.Context, from, to time.Time) (int64, error) {
	n, err := read(ctx, l.engine.Read, scanNumber, "SELECT count(*) FROM pending WHERE refusal IS NULL AND event >= $1 AND event < $2",
		l.engine.Moments().Position(from), l.engine.Moments().Position(to))
	return store.First(n, err)
}

func scanNumber(r Row) (n int64, err error) { return n, r.Scan(&n) }

// countSpan adds what happened in [from, to), of its events at most so many; whole says
// whether those are all.
func (l *Ledger) countSpan(ctx context.Context, c *store.Counted, from, to time.Time, most int64) (whole bool, err error) {
	copies := l.dialect.EventCopies()
	found, err := read(ctx, l.engine.Read, func(r Row) (o store.Counted, err error) {
		return o, r.Scan(&o.Published, &o.Matched, &o.Copies, &o.Refused, &o.Collected)
	}, `SELECT n, matched, copies, (SELECT count(*) FROM refusal WHERE action = 'publish' AND at >= $4 AND at < $5),
			(SELECT count(*) FROM collected WHERE type <> 0 AND (status = 'acknowledged' OR status = 'sent'
				AND mailbox NOT IN (SELECT mailbox FROM endpoint WHERE channel = 'stream')) AND at >= $4 AND at < $5)
		FROM (SELECT count(*) AS n, coalesce(sum(CASE WHEN `+copies.Any+` THEN 1 ELSE 0 END), 0) AS matched, coalesce(sum(`+copies.Count+`), 0) AS copies
			FROM (SELECT e.id, `+copies.Columns+` FROM event e WHERE e.id >= $1 AND e.id < $2 ORDER BY e.id LIMIT $3) w`+copies.Join+`) events`,
		l.engine.Moments().Position(from), l.engine.Moments().Position(to), most, from.UnixMicro(), to.UnixMicro())
	one, err := store.First(found, err)
	c.Add(one)
	return one.Published < most, err
}

// countedMinutes are written, and the hours and days that they are in become more by
// as much as they do.
type countedMinutes []minuteCount

func (all countedMinutes) Apply(tx Tx) (any, error) {
	more := map[store.CountUnit][]store.Counted{}
	for _, m := range all {
		var at int64
		var b store.Counted
		_, err := first(tx, []any{&at, &b.Published, &b.Refused, &b.Matched, &b.Copies, &b.Collected},
			"SELECT at, published, refused, matched, copies, collected FROM count_bar WHERE per = 1 AND at = $1"+tx.Lock("count_bar"), m.At.UnixMicro())
		if err != nil {
			return nil, err
		}
		for _, unit := range store.CountUnits {
			d := m.Less(b)
			d.At = unit.Start(m.At)
			more[unit] = put(more[unit], d)
		}
	}
	for _, unit := range store.CountUnits {
		for i, d := range more[unit] {
			var waiting, counted int64
			if unit == store.PerMinute {
				waiting, counted = all[i].waiting, all[i].counted.UnixMicro()
			}
			tx.Later(`INSERT INTO count_bar AS c (per, at, published, refused, matched, copies, collected, waiting, counted)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (per, at) DO UPDATE SET published = c.published + excluded.published,
				refused = c.refused + excluded.refused, matched = c.matched + excluded.matched, copies = c.copies + excluded.copies,
				collected = c.collected + excluded.collected, waiting = excluded.waiting, counted = excluded.counted`,
				int(unit), d.At.UnixMicro(), d.Published, d.Refused, d.Matched, d.Copies, d.Collected, waiting, counted)
		}
	}
	return nil, nil
}

// put adds a count to the last bar, or behind it.
func put(bars []store.Counted, c store.Counted) []store.Counted {
	if last := len(bars) - 1; last >= 0 && bars[last].At.Equal(c.At) {
		bars[last].Add(c)
		return bars
	}
	return append(bars, c)
}

// Counts is operator.Sight's.
func (l *Ledger) Counts(ctx context.Context, per store.CountUnit, from, to time.Time) (out store.Counts, err error) {
	bars, err := read(ctx, l.engine.View, scanMinute, selectBars+"$1 AND at >= $2 AND at < $3 ORDER BY at", int(per), per.Start(from).UnixMicro(), to.UnixMicro())
	if err != nil {
		return out, err
	}
	for _, b := range bars {
		out.Bars = append(out.Bars, b.Counted)
	}
	newest, err := read(ctx, l.engine.View, scanMinute, selectBars+"1 ORDER BY at DESC LIMIT 1")
	if err != nil {
		return out, err
	}
	now := l.options.Now()
	until := store.PerMinute.Start(now).Add((1 - tailMinutes) * time.Minute) // nobody has counted yet
	if len(newest) > 0 {
		until = newest[0].until()
	}
	if now = now.Add(time.Second); to.After(now) {
		to = now
	}
	return out, l.countTail(ctx, &out, per, until, from, to)
}

// countTail adds what housekeeping has not counted yet.
func (l *Ledger) countTail(ctx context.Context, out *store.Counts, per store.CountUnit, until, from, to time.Time) error {
	left := int64(tailEvents)
	if until.Before(from) {
		until = from
	}
	for range tailMinutes + 1 {
		if !until.Before(to) {
			return nil
		}
		end := store.PerMinute.Start(until).Add(time.Minute)
		c := store.Counted{At: per.Start(until)}
		whole, err := l.countSpan(ctx, &c, until, end, left)
		if err != nil {
			return err
		}
		out.Bars = put(out.Bars, c)
		if out.Short = !whole; out.Short {
			return nil
		}
		left, until = left-c.Published, end
	}
	// Counting is behind, or nothing runs that could count.
	var rest store.Counted
	_, err := l.countSpan(ctx, &rest, until, to, 1)
	out.Short = rest.Published > 0
	return err
}

// forgetCounts removes the bars whose life is over.
type forgetCounts struct{ now time.Time }

func (o forgetCounts) Apply(tx Tx) (any, error) {
	for _, unit := range store.CountUnits {
		tx.Later("DELETE FROM count_bar WHERE per = $1 AND at < $2", int(unit), o.now.Add(-unit.Life()).UnixMicro())
	}
	return 0, nil
}
