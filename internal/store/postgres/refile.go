package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"nems/internal/subscription"
)

// unfiled is a row of route as a version before classes files it.
type unfiled struct {
	hash          int64
	code          int32
	id, candidate []byte
}

// refile files subscriptions anew that a version before classes has filed, and
// says how many it looked at. It waits for nobody: what is locked comes next time.
func (db *DB) refile(ctx context.Context) (n int64, err error) {
	err = db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		found, err := all(ctx, tx, func(r pgx.Rows) (e unfiled, err error) {
			return e, r.Scan(&e.hash, &e.code, &e.id, &e.candidate)
		}, `SELECT hash, code, id, candidate FROM route WHERE mailbox = 0 ORDER BY hash, code, id LIMIT $1 FOR UPDATE SKIP LOCKED`, sweptStep)
		if err != nil || len(found) == 0 {
			return err
		}
		n = int64(len(found))
		b := &pgx.Batch{}
		for _, e := range found {
			if c, ok := db.candidate(e.id, e.candidate); ok {
				e.queue(b, &c)
			}
		}
		return tx.SendBatch(ctx, b).Close()
	})
	return n, err
}

// queue files the row anew. What waits for approval is in no route; what an
// earlier node approves comes back.
func (e unfiled) queue(b *pgx.Batch, c *subscription.Candidate) {
	if c.Status != subscription.Active {
		b.Queue("DELETE FROM route WHERE hash = $1 AND code = $2 AND id = $3", e.hash, e.code, e.id)
		return
	}
	byClass, classes := classed(subscription.Classes(c.Ages, c.Registration))
	b.Queue("UPDATE route SET mailbox = $4, classed = $5 WHERE hash = $1 AND code = $2 AND id = $3", e.hash, e.code, e.id, c.Mailbox, byClass)
	if byClass {
		queueClasses(b, e.hash, e.code, e.id, classes)
	}
}

// queueClasses files a row of route under classes.
func queueClasses(b *pgx.Batch, hash int64, code int32, id []byte, classes []subscription.Class) {
	b.Queue(`INSERT INTO route_class (hash, code, class, mailbox, id, candidate, since)
		SELECT hash, code, c, mailbox, id, candidate, since FROM route, unnest($4::int[]) c WHERE hash = $1 AND code = $2 AND id = $3`,
		hash, code, id, classes)
}

// classed tells whether a subscription is found by route_class, and under what.
func classed(classes []subscription.Class) (bool, []subscription.Class) {
	if len(classes) == 1 && classes[0] == 0 {
		return false, nil
	}
	return true, classes
}
