package postgres

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
)

// queueChanges notes which of the events change patients' records.
func queueChanges(b *pgx.Batch, kept []*accept) {
	var ids []int64
	for _, a := range kept {
		if a.Demographic {
			ids = append(ids, int64(a.Event))
		}
	}
	if len(ids) > 0 {
		b.Queue("INSERT INTO patient_change (event) SELECT unnest($1::bigint[])", ids)
	}
}

// changesFrom reads the rows of as many transactions as make a page, all rows of
// each: marks are numbers of transactions. oldest is the first transaction that
// may still be running, behind which others may yet commit.
const changesFrom = `WITH page AS (SELECT since FROM patient_change WHERE since >= $1::text::xid8 ORDER BY since LIMIT $2)
	SELECT event, patient, since::text::bigint, pg_snapshot_xmin(pg_current_snapshot())::text::bigint
	FROM patient_change WHERE since >= $1::text::xid8 AND since <= (SELECT max(since) FROM page) ORDER BY since, event`

// PatientChanges is broker.Changes'. Marks are transactions.
func (db *DB) PatientChanges(ctx context.Context, from int64, max int) (store.PatientChanges, error) {
	var page store.PatientChanges
	err := db.read(ctx, func(ctx context.Context, q querier) error {
		page = store.PatientChanges{}
		var next int64
		if _, err := one(ctx, q, []any{&next}, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"); err != nil {
			return err
		}
		if from > next {
			from = 0
		}
		page.Mark = from
		type change struct {
			event         int64
			patient       *int64
			since, oldest int64
		}
		found, err := all(ctx, q, func(r pgx.Rows) (c change, err error) { return c, r.Scan(&c.event, &c.patient, &c.since, &c.oldest) },
			changesFrom, strconv.FormatInt(from, 10), max)
		for _, c := range found {
			if c.patient == nil {
				page.Events = append(page.Events, store.EventID(c.event))
			} else {
				page.Patients = append(page.Patients, store.KnownPatient(c.patient))
			}
		}
		if len(found) == 0 {
			return err
		}
		last := found[len(found)-1]
		page.Mark = min(last.since+1, last.oldest)
		if len(found) >= max {
			page.Next = last.since + 1
		}
		return err
	})
	return page, err
}
