package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/directory"
)

// importLock is the advisory lock of whoever writes the tables of the directory.
const importLock = 0x6e656d735f646972

// PutPatients is directory.Sink's.
func (d *Directory) PutPatients(ctx context.Context, batch []directory.Patient) error {
	return d.put(ctx, directory.KindPatients, func(c *copyText) error {
		for i := range batch {
			if err := c.patient(&batch[i], int64(i)); err != nil {
				return err
			}
		}
		return nil
	})
}

// PutOrganisations is directory.Sink's.
func (d *Directory) PutOrganisations(ctx context.Context, batch []directory.Organisation) error {
	return d.put(ctx, directory.KindOrganisations, func(c *copyText) error {
		for i := range batch {
			c.organisation(&batch[i], int64(i))
		}
		return nil
	})
}

// PutPostcodes is directory.Sink's.
func (d *Directory) PutPostcodes(ctx context.Context, batch []directory.PostcodePlaces) error {
	return d.put(ctx, directory.KindPostcodes, func(c *copyText) error {
		for i := range batch {
			if err := c.postcode(&batch[i], int64(i)); err != nil {
				return err
			}
		}
		return nil
	})
}

// put lays a few rows over those of a part. Files go through Import. While an import
// writes, it fails with directory.ErrImporting.
func (d *Directory) put(ctx context.Context, kind directory.Kind, encode func(*copyText) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var rows copyText
	if err := encode(&rows); err != nil || rows.Len() == 0 {
		return err
	}
	written := false
	err := d.db.change(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(importLock)); err != nil {
			return err
		}
		written, err = putRows(ctx, tx, kind, rows.Bytes())
		return err
	})
	if isCode(err, "55P03") {
		return fmt.Errorf("%w; try again when it has ended", directory.ErrImporting)
	}
	if written {
		d.doubt()
	}
	return away(err)
}

// putRows writes rows to the table of a part as of now, and reports whether any differs.
func putRows(ctx context.Context, tx pgx.Tx, kind directory.Kind, rows []byte) (bool, error) {
	var generation int64
	if err := tx.QueryRow(ctx, "SELECT generation FROM directory_part WHERE part = $1", string(kind)).Scan(&generation); err != nil {
		return false, err
	}
	base := tableOf(kind, generation)
	if _, err := tx.Exec(ctx, "CREATE TEMP TABLE directory_batch (LIKE "+base+") ON COMMIT DROP"); err != nil {
		return false, err
	}
	if err := copyIn(ctx, tx.Conn(), copyInto("directory_batch", kind), rows); err != nil {
		return false, err
	}
	tag, err := tx.Exec(ctx, mergeInto(base, "directory_batch", kind))
	if err != nil {
		return false, err
	}
	changed := tag.RowsAffected()
	if kind == directory.KindPatients {
		tag, err := tx.Exec(ctx, "DELETE FROM directory_learnt WHERE key IN (SELECT key FROM directory_batch)")
		if err != nil {
			return false, err
		}
		changed += tag.RowsAffected()
	}
	if changed == 0 {
		return false, nil
	}
	_, err = tx.Exec(ctx, "UPDATE directory_part SET version = version + 1 WHERE part = $1", string(kind))
	return true, err
}

// doubt has the next look-up ask what has changed: this node has changed something.
func (d *Directory) doubt() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = time.Time{}
}
