package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"nems/internal/directory"
)

// learnLock is the first half of the advisory locks of patients whose records change.
const learnLock = 0x6e656d73

// Learn is broker.Learner's. It does not wait for the disk: what a crash takes, the
// journal tells again, because the mark is lost with it.
func (d *Directory) Learn(ctx context.Context, changes []directory.Change) (changed int, err error) {
	if err := d.current(ctx); err != nil {
		return 0, err
	}
	changes = slices.Clone(changes)
	// Everybody takes the locks in one order.
	slices.SortStableFunc(changes, func(a, b directory.Change) int { return cmp.Compare(digits(a.NHSNumber), digits(b.NHSNumber)) })
	keys := make([]int64, len(changes))
	for i, c := range changes {
		keys[i] = digits(c.NHSNumber)
	}
	// Most changes are told a second time, by the journal: those need no transaction.
	err = d.readTables(ctx, func(ctx context.Context, q querier) error {
		changed, _, err = d.apply(ctx, q, keys, changes)
		return err
	})
	if err != nil || changed == 0 {
		return 0, err
	}
	defer d.patients.forget(keys...)
	err = d.db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue("SET LOCAL synchronous_commit = off")
		for _, key := range slices.Compact(slices.Clone(keys)) {
			b.Queue("SELECT pg_advisory_xact_lock($1, $2)", learnLock, int32(uint64(key)%(1<<31)))
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		var put *pgx.Batch
		if changed, put, err = d.apply(ctx, tx, keys, changes); err != nil || put.Len() == 0 {
			return err
		}
		return tx.SendBatch(ctx, put).Close()
	})
	if err != nil {
		return 0, away(err)
	}
	return changed, nil
}

// apply applies changes to the records as they are, and returns how many differ then,
// and what keeps them.
func (d *Directory) apply(ctx context.Context, q querier, keys []int64, changes []directory.Change) (int, *pgx.Batch, error) {
	rows, err := q.Query(ctx, fmt.Sprintf(`SELECT k.key, %s FROM unnest($1::bigint[]) AS k(key)
		LEFT JOIN %s b ON b.key = k.key LEFT JOIN directory_learnt l ON l.key = k.key`, personColumns, d.table(directory.KindPatients)), keys)
	if err != nil {
		return 0, nil, err
	}
	records := map[int64]person{}
	var r personRow
	_, err = pgx.ForEachRow(rows, r.targets(), func() (err error) {
		records[r.key], err = r.person()
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	changed, put := 0, &pgx.Batch{}
	for i, c := range changes {
		p := records[keys[i]]
		if !c.Apply(&p.Patient, &p.known) {
			continue
		}
		changed++
		records[keys[i]] = p
		if err := queueLearnt(put, keys[i], &p, c.Whole); err != nil {
			return 0, nil, err
		}
	}
	return changed, put, nil
}

// putLearnt keeps what was learnt of a patient. Once a whole record was learnt, its
// flags stay so.
const putLearnt = `INSERT INTO directory_learnt AS l (key, whole, superseded, born, flags, family, given, postcode, gp,
	name_at, name_scn, birth_at, birth_scn, home_at, home_scn, gp_at, gp_scn)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
	ON CONFLICT (key) DO UPDATE SET whole = l.whole OR excluded.whole, superseded = excluded.superseded, born = excluded.born, flags = excluded.flags,
	family = excluded.family, given = excluded.given, postcode = excluded.postcode, gp = excluded.gp,
	name_at = excluded.name_at, name_scn = excluded.name_scn, birth_at = excluded.birth_at, birth_scn = excluded.birth_scn,
	home_at = excluded.home_at, home_scn = excluded.home_scn, gp_at = excluded.gp_at, gp_scn = excluded.gp_scn,
	changed = clock_timestamp(), since = pg_current_xact_id()`

func queueLearnt(b *pgx.Batch, key int64, p *person, whole bool) error {
	given, err := json.Marshal(p.Given)
	if err != nil {
		return err
	}
	row := rowOf(&p.Patient)
	args := []any{key, whole, row.superseded, row.born, row.flags, p.Family, string(given), p.Postcode, string(p.GP)}
	for _, v := range versionsOf(&p.known) {
		at := int64(0)
		if !v.LastUpdated.IsZero() {
			at = v.LastUpdated.UnixMicro()
		}
		args = append(args, at, v.SCN)
	}
	b.Queue(putLearnt, args...)
	return nil
}

// columnsOfPatient are the columns of a record that are no texts.
type columnsOfPatient struct {
	superseded *int64
	born       *int32
	flags      int16
}

func rowOf(p *directory.Patient) (c columnsOfPatient) {
	if !p.SupersededBy.IsZero() {
		c.superseded = new(digits(p.SupersededBy))
	}
	if !p.BirthDate.IsZero() {
		c.born = new(int32(p.BirthDate.Unix() / secondsPerDay)) // midnight: no remainder
	}
	if p.Sensitive {
		c.flags |= flagSensitive
	}
	if p.Invalid {
		c.flags |= flagInvalid
	}
	return c
}

// Mark is broker.Learner's: all nodes share it.
func (d *Directory) Mark(ctx context.Context) (mark int64, err error) {
	err = d.db.read(ctx, func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, "SELECT mark FROM directory_state").Scan(&mark)
	})
	return mark, err
}

// SetMark is broker.Learner's.
func (d *Directory) SetMark(ctx context.Context, mark int64) error {
	return d.db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SET LOCAL synchronous_commit = off")
		if err == nil {
			_, err = tx.Exec(ctx, "UPDATE directory_state SET mark = $1", mark)
		}
		return err
	})
}
