package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"nems/internal/crashpoint"
	"nems/internal/directory"
	"nems/internal/nhs"
)

// mergeBelow: a file with less than this part of the rows that there are is laid over
// them in their table. A larger one makes a new table of both, which leaves no dead rows.
const mergeBelow = 8

var errNoRows = errors.New("the file has no rows, and would leave the directory without any: nothing was changed")

// PutPatients is directory.Sink's.
func (i *Import) PutPatients(ctx context.Context, batch []directory.Patient) error {
	for at := range batch {
		if err := i.add(ctx, func(c *copyText, n int64) error { return c.patient(&batch[at], n) }); err != nil {
			return err
		}
	}
	return nil
}

// PutPostcodes is directory.Sink's.
func (i *Import) PutPostcodes(ctx context.Context, batch []directory.PostcodePlaces) error {
	for at := range batch {
		if err := i.add(ctx, func(c *copyText, n int64) error { return c.postcode(&batch[at], n) }); err != nil {
			return err
		}
	}
	return nil
}

// PutOrganisations is directory.Sink's. In a file of another kind they are areas that it
// names, and added if they are missing.
func (i *Import) PutOrganisations(ctx context.Context, batch []directory.Organisation) error {
	for at := range batch {
		if i.kind != directory.KindOrganisations {
			i.areas.organisation(&batch[at], 0)
			continue
		}
		i.organisations[batch[at].Code] = batch[at]
		if err := i.add(ctx, func(c *copyText, n int64) error { c.organisation(&batch[at], n); return nil }); err != nil {
			return err
		}
	}
	return nil
}

// Organisation is directory.Organisations': one of the file, or else of the directory.
func (i *Import) Organisation(ctx context.Context, code nhs.ODSCode) (directory.Organisation, error) {
	o, ok := i.organisations[code]
	if ok {
		return o, nil
	}
	if err := i.wait(); err != nil {
		return o, err
	}
	base, err := i.base(ctx, i.conn, directory.KindOrganisations)
	if err != nil {
		return o, err
	}
	err = i.conn.QueryRow(ctx, "SELECT key, name, sub_icb, practice, closed FROM "+base+" WHERE key = $1", code).Scan(&o.Code, &o.Name, &o.SubICB, &o.Practice, &o.Closed)
	if errors.Is(err, pgx.ErrNoRows) {
		return o, directory.ErrNotFound
	}
	return o, plain(err)
}

// base is the table of a part that nodes read now.
func (*Import) base(ctx context.Context, q querier, kind directory.Kind) (string, error) {
	var generation int64
	err := q.QueryRow(ctx, "SELECT generation FROM directory_part WHERE part = $1", string(kind)).Scan(&generation)
	return tableOf(kind, generation), plain(err)
}

// Finish makes the rows count, all at once. step is told what is being done. If it fails, nothing has changed, and
// what was copied stays for the next import.
func (i *Import) Finish(ctx context.Context, step func(string)) error {
	return plain(i.finish(ctx, step))
}

func (i *Import) finish(ctx context.Context, step func(string)) error {
	if err := errors.Join(i.flush(ctx), i.wait()); err != nil {
		return err
	}
	if i.number < len(i.chunks) { // the file was longer before
		if err := i.drop(ctx, i.number, i.rows); err != nil {
			return err
		}
	}
	if i.whole && i.rows == 0 {
		return errNoRows
	}
	base, err := i.base(ctx, i.conn, i.kind)
	if err != nil {
		return err
	}
	var there int64 // counted as far as it matters
	if err := i.conn.QueryRow(ctx, "SELECT count(*) FROM (SELECT 1 FROM "+base+" LIMIT $1) r", i.rows*mergeBelow+1).Scan(&there); err != nil {
		return err
	}
	small := !i.whole && there > i.rows*mergeBelow
	if !small {
		step("making the index")
		if err := i.index(ctx); err != nil {
			return err
		}
	}
	step("replacing")
	crashpoint.Hit(crashpoint.Import)
	if err := i.take(ctx, base, small); err != nil {
		return err
	}
	return i.clean(ctx)
}

// index makes the new table's index, and removes rows that come again later in the file.
func (i *Import) index(ctx context.Context) error {
	statement := "CREATE UNIQUE INDEX " + i.table + "_key ON " + i.table + " (key)"
	_, err := i.conn.Exec(ctx, statement)
	if isCode(err, uniqueViolation) {
		if _, err := i.conn.Exec(ctx, fmt.Sprintf("DELETE FROM %[1]s a USING %[1]s b WHERE a.key = b.key AND a.n < b.n", i.table)); err != nil {
			return err
		}
		_, err = i.conn.Exec(ctx, statement)
	}
	if err == nil {
		_, err = i.conn.Exec(ctx, "ANALYZE "+i.table)
	}
	return err
}

// take makes the rows count in one transaction.
func (i *Import) take(ctx context.Context, base string, small bool) error {
	return pgx.BeginFunc(ctx, i.conn, func(tx pgx.Tx) error {
		var generation any // nil: the table stays
		switch {
		case small:
			if _, err := tx.Exec(ctx, mergeInto(base, i.table, i.kind)); err != nil {
				return err
			}
		default:
			if err := i.keepOthers(ctx, tx, base); err != nil {
				return err
			}
			generation = strings.TrimPrefix(i.table, "directory_"+string(i.kind)+"_")
		}
		if err := i.settleLearnt(ctx, tx); err != nil {
			return err
		}
		if i.areas.Len() > 0 {
			if _, err := putRows(ctx, tx, directory.KindOrganisations, i.areas.Bytes()); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "UPDATE directory_part SET version = version + 1, generation = coalesce($2::text::bigint, generation) WHERE part = $1", string(i.kind), generation); err != nil {
			return err
		}
		for _, statement := range []string{"DELETE FROM directory_import", "DELETE FROM directory_chunk"} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// keepOthers copies to the new table the rows that the file does not have. Of a whole
// file of organisations these are the areas alone, which files of postcodes have named.
func (i *Import) keepOthers(ctx context.Context, tx pgx.Tx, base string) error {
	only := ""
	switch {
	case i.whole && i.kind != directory.KindOrganisations:
		return nil
	case i.whole:
		only = " AND b.name = '' AND b.sub_icb = '' AND NOT b.practice AND NOT b.closed"
	}
	columns := strings.Join(columnsOf[i.kind], ", ")
	_, err := tx.Exec(ctx, fmt.Sprintf("INSERT INTO %s (key, n, %s) SELECT key, 0, %s FROM %s b WHERE NOT EXISTS (SELECT 1 FROM %s t WHERE t.key = b.key)%s",
		i.table, columns, columns, base, i.table, only))
	return err
}

// settleLearnt decides what becomes of what events have taught.
func (i *Import) settleLearnt(ctx context.Context, tx pgx.Tx) error {
	if i.learnt != nil {
		return i.adoptLearnt(ctx, tx)
	}
	return i.forgetLearnt(ctx, tx)
}

// forgetLearnt removes what events had taught about the patients of the file before the
// import began. What they have taught since is newer than the file.
func (i *Import) forgetLearnt(ctx context.Context, tx pgx.Tx) error {
	if i.kind != directory.KindPatients {
		return nil
	}
	statement := "DELETE FROM directory_learnt WHERE changed < $1"
	if !i.whole {
		statement = "DELETE FROM directory_learnt l USING " + i.table + " t WHERE t.key = l.key AND t.n > 0 AND l.changed < $1"
	}
	_, err := tx.Exec(ctx, statement, i.started)
	return err
}

// Discard ends the import as if it had not been begun.
func (i *Import) Discard(ctx context.Context) error {
	if err := i.wait(); err != nil {
		return err
	}
	if _, err := i.conn.Exec(ctx, "WITH import AS (DELETE FROM directory_import) DELETE FROM directory_chunk"); err != nil {
		return plain(err)
	}
	return plain(i.clean(ctx))
}
