package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
)

// acknowledgement takes a message out of an inbox.
type acknowledgement struct {
	mailbox  int64
	position store.EventID
	at       int64
}

// Acknowledge is mailbox.Boxes'. The entry joins the next commit of the node's
// chain.
func (db *DB) Acknowledge(ctx context.Context, mailbox int64, position store.EventID, at time.Time, e *audit.Entry) error {
	patient, err := db.acks.Submit(ctx, acknowledgement{mailbox, position, at.UnixMicro()})
	if err == nil && e != nil {
		done := *e
		done.Patient = patient
		db.Record(done)
	}
	return err
}

// acknowledgeAll moves many messages with one statement.
func (db *DB) acknowledgeAll(ops []acknowledgement, out []store.Outcome[nhs.NHSNumber]) error {
	ctx, cancel := context.WithTimeout(context.Background(), statementWait)
	defer cancel()
	// In one order on every node, so that two of them never wait for each other.
	order := slices.Clone(ops)
	slices.SortFunc(order, func(a, b acknowledgement) int {
		return cmp.Or(cmp.Compare(a.mailbox, b.mailbox), cmp.Compare(a.position, b.position))
	})
	var mailboxes, positions, moments []int64
	for _, a := range order {
		mailboxes, positions, moments = append(mailboxes, a.mailbox), append(positions, int64(a.position)), append(moments, a.at)
	}
	// Asked beforehand, in a transaction of its own: whoever makes or drops a day's
	// partitions locks event first and collected later, and must never wait for
	// one that holds the second and wants the first.
	about, err := db.patients(ctx, positions)
	if err != nil {
		return err
	}
	known := map[acknowledgement]bool{}
	err = db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		clear(known)
		b := &pgx.Batch{}
		b.Queue(`WITH asked AS (SELECT DISTINCT ON (mailbox, position) * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS a(mailbox, position, at)),
			due AS (SELECT i.*, a.at AS moment FROM asked a JOIN inbox i ON i.mailbox = a.mailbox AND i.position = a.position
				ORDER BY i.mailbox, i.position FOR UPDATE OF i),
			gone AS (DELETE FROM inbox i USING due d WHERE i.mailbox = d.mailbox AND i.position = d.position),
			moved AS (INSERT INTO collected (mailbox, position, type, size, asked, partner, status, at)
				SELECT mailbox, position, type, size, asked, partner, 'acknowledged', moment FROM due)
			UPDATE message m SET status = 'acknowledged', status_at = d.moment FROM due d WHERE d.type = 0 AND m.position = d.position`,
			mailboxes, positions, moments)
		b.Queue(`SELECT a.mailbox, a.position FROM unnest($1::bigint[], $2::bigint[]) AS a(mailbox, position)
			WHERE EXISTS (SELECT FROM collected c WHERE c.mailbox = a.mailbox AND c.position = a.position)
			OR EXISTS (SELECT FROM message m WHERE m.position = a.position AND m.mailbox = a.mailbox)`, mailboxes, positions)
		answers := tx.SendBatch(ctx, b)
		defer func() { _ = answers.Close() }()
		if _, err := answers.Exec(); err != nil {
			return err
		}
		rows, err := answers.Query()
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var a acknowledgement
			if err := rows.Scan(&a.mailbox, &a.position); err != nil {
				return err
			}
			known[a] = true
		}
		return rows.Err()
	})
	for i, a := range ops {
		a.at = 0
		if out[i].Value = about[int64(a.position)]; !known[a] {
			out[i].Err = store.ErrNotFound
		}
	}
	return err
}

// patients tells whom the events among some positions are about.
func (db *DB) patients(ctx context.Context, positions []int64) (map[int64]nhs.NHSNumber, error) {
	about := make(map[int64]nhs.NHSNumber, len(positions))
	err := db.read(ctx, func(ctx context.Context, q querier) error {
		_, err := all(ctx, q, func(r pgx.Rows) (none struct{}, err error) {
			var event, packed int64
			err = r.Scan(&event, &packed)
			about[event] = store.KnownPatient(&packed)
			return none, err
		}, "SELECT id, patient FROM event WHERE id = ANY($1) AND patient IS NOT NULL", positions)
		return err
	})
	return about, err
}

// collect moves a row out of the inbox, so that listing never meets it again.
// It says whether the row was there.
func collect(ctx context.Context, q querier, mailbox int64, position store.EventID, to store.State, at int64, why []byte) (bool, error) {
	tag, err := q.Exec(ctx, `WITH gone AS (DELETE FROM inbox WHERE mailbox = $1 AND position = $2 RETURNING *)
		INSERT INTO collected (mailbox, position, type, size, asked, partner, status, at, fault)
		SELECT mailbox, position, type, size, asked, partner, $3, $4, $5 FROM gone`, mailbox, int64(position), to.MESHStatus(), at, why)
	return tag.RowsAffected() > 0, err
}
