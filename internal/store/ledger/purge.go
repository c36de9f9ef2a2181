package ledger

import (
	"context"
	"time"

	"nems/internal/store"
)

const (
	// bodyStep is how many pieces of bodies a transaction removes: 16 MiB at most.
	bodyStep = 64
	// uploadLife is how long chunks wait for the rest of their message.
	uploadLife = 24 * time.Hour
)

// PurgeMessages removes up to max messages that were sent before a position, in
// whatever state, and says how many.
func (l *Ledger) PurgeMessages(ctx context.Context, before store.EventID, max int) (int, error) {
	return change[int](ctx, l, purgeMessages{l.dialect, before, min(max, SweptStep), ""})
}

// purgeMessages removes messages that were sent, with their chunks. Its answer is
// how many.
type purgeMessages struct {
	dialect Dialect
	before  store.EventID
	max     int
	only    string // a further condition
}

func (o purgeMessages) Apply(tx Tx) (any, error) {
	type place struct{ position, mailbox int64 }
	found, err := all(tx, func(r Row) (p place, err error) { return p, r.Scan(&p.position, &p.mailbox) },
		"SELECT position, mailbox FROM message WHERE position < $1"+o.only+" ORDER BY position LIMIT $2"+tx.LockFree("message"), o.before, o.max)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	var positions []int64
	for _, m := range found {
		positions = append(positions, m.position)
		tx.Later("DELETE FROM inbox WHERE mailbox = $1 AND position = $2", m.mailbox, m.position)
		tx.Later("DELETE FROM collected WHERE mailbox = $1 AND position = $2", m.mailbox, m.position)
	}
	in := o.dialect.In("position", "$1", Numbers)
	for _, statement := range []string{
		"DELETE FROM message WHERE ", "DELETE FROM chunk WHERE ", "DELETE FROM piece WHERE ", "UPDATE upload SET size = 0 WHERE ",
	} {
		tx.Later(statement+in, positions)
	}
	return len(found), nil
}

// purgeUploads looks at chunks that were put on their own before a position, and
// removes what no complete message needs. Its answer is how many.
type purgeUploads struct {
	dialect Dialect
	before  store.EventID
}

func (o purgeUploads) Apply(tx Tx) (any, error) {
	found, err := all(tx, func(r Row) (c chunk, err error) { return c, r.Scan(&c.generation, &c.position, &c.chunk) },
		"SELECT generation, position, chunk FROM upload WHERE generation < $1 ORDER BY generation LIMIT $2", o.before, SweptStep)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	var positions []int64
	for _, c := range found {
		positions = append(positions, int64(c.position))
	}
	// A message that is just being completed needs its chunks.
	_, err = column[int64](tx, "SELECT position FROM message WHERE "+o.dialect.In("position", "$1", Numbers)+" ORDER BY position"+tx.Lock("message"), positions)
	const unneeded = ` WHERE position = $1 AND chunk = $2 AND generation = $3 AND NOT EXISTS (SELECT 1 FROM message m
		JOIN chunk c ON c.position = m.position WHERE m.position = $1 AND m.status <> 'uploading' AND c.chunk = $2 AND c.generation = $3)`
	for _, c := range found {
		tx.Later("DELETE FROM chunk"+unneeded, c.position, c.chunk, c.generation)
		tx.Later("DELETE FROM piece"+unneeded, c.position, c.chunk, c.generation)
		tx.Later("DELETE FROM upload WHERE generation = $1", c.generation)
	}
	return len(found), err
}

// purgeBodies removes the bodies of messages that were collected before a moment:
// otherwise whoever sends and collects without end would fill the disk, whatever
// the quotas are. Its answer is SweptStep when there may be more.
type purgeBodies struct {
	dialect   Dialect
	collected int64
}

func (o purgeBodies) Apply(tx Tx) (any, error) {
	done, err := column[int64](tx, `SELECT position FROM message WHERE size > 0 AND status NOT IN ('uploading', 'accepted') AND status_at < $1
		ORDER BY position LIMIT $2`+tx.LockFree("message"), o.collected, bodyStep)
	if err != nil || len(done) == 0 {
		return 0, err
	}
	in := o.dialect.In("position", "$1", Numbers)
	removed, err := tx.Exec("DELETE FROM piece WHERE "+o.dialect.First("piece", "rowid", in, "$2"), done, bodyStep)
	if err != nil {
		return 0, err
	}
	tx.Later("DELETE FROM chunk WHERE "+in+" AND NOT EXISTS (SELECT 1 FROM piece p WHERE p.position = chunk.position)", done)
	tx.Later("UPDATE message SET size = 0 WHERE "+in+" AND NOT EXISTS (SELECT 1 FROM piece p WHERE p.position = message.position)", done)
	if removed == bodyStep {
		return SweptStep, nil
	}
	return 0, nil
}
