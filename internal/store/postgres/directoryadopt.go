package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"nems/internal/directory"
	"nems/internal/nhs"
)

// Adopting says that the rows are those of the directory that a node had before, with
// what events had taught it: what they have taught since stays.
func (i *Import) Adopting() { i.learnt = &copyText{} }

// Learnt takes how new the parts of a patient's record are in that directory.
func (i *Import) Learnt(n nhs.NHSNumber, known directory.Versions) {
	i.learnt.WriteString(n.Digits())
	for _, v := range versionsOf(&known) {
		at := int64(0)
		if !v.LastUpdated.IsZero() {
			at = v.LastUpdated.UnixMicro()
		}
		i.learnt.number(at)
		i.learnt.number(v.SCN)
	}
	i.learnt.end()
}

// Empty reports whether nodes find nothing of the part yet.
func (i *Import) Empty(ctx context.Context) (empty bool, err error) {
	base, err := i.base(ctx, i.conn, i.kind)
	if err != nil {
		return false, err
	}
	err = i.conn.QueryRow(ctx, "SELECT NOT EXISTS (SELECT 1 FROM "+base+")").Scan(&empty)
	return empty, plain(err)
}

// adoptLearnt keeps how new the parts of the records are, where no event has taught
// something since.
func (i *Import) adoptLearnt(ctx context.Context, tx pgx.Tx) error {
	if i.learnt.Len() == 0 {
		return nil
	}
	const columns = "name_at, name_scn, birth_at, birth_scn, home_at, home_scn, gp_at, gp_scn"
	if _, err := tx.Exec(ctx, "CREATE TEMP TABLE directory_versions ON COMMIT DROP AS SELECT key, "+columns+" FROM directory_learnt LIMIT 0"); err != nil {
		return err
	}
	if err := copyIn(ctx, tx.Conn(), "COPY directory_versions (key, "+columns+") FROM STDIN", i.learnt.Bytes()); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, fmt.Sprintf(`INSERT INTO directory_learnt AS l (key, whole, superseded, born, flags, family, given, postcode, gp, %s)
		SELECT key, false, t.superseded, t.born, t.flags, t.family, t.given, t.postcode, t.gp, %s FROM directory_versions JOIN %s t USING (key)
		ON CONFLICT (key) DO UPDATE SET
		(name_at, name_scn, family, given) = (SELECT excluded.name_at, excluded.name_scn, excluded.family, excluded.given WHERE l.name_at = 0 UNION ALL SELECT l.name_at, l.name_scn, l.family, l.given WHERE l.name_at <> 0),
		(birth_at, birth_scn, born) = (SELECT excluded.birth_at, excluded.birth_scn, excluded.born WHERE l.birth_at = 0 UNION ALL SELECT l.birth_at, l.birth_scn, l.born WHERE l.birth_at <> 0),
		(home_at, home_scn, postcode) = (SELECT excluded.home_at, excluded.home_scn, excluded.postcode WHERE l.home_at = 0 UNION ALL SELECT l.home_at, l.home_scn, l.postcode WHERE l.home_at <> 0),
		(gp_at, gp_scn, gp) = (SELECT excluded.gp_at, excluded.gp_scn, excluded.gp WHERE l.gp_at = 0 UNION ALL SELECT l.gp_at, l.gp_scn, l.gp WHERE l.gp_at <> 0)`,
		columns, columns, i.table))
	return err
}

// AdoptMark keeps up to where the changes of the journal are learnt in a directory that is
// about to be taken over, unless a directory has learnt some already.
func (d *Directory) AdoptMark(ctx context.Context, mark int64) error {
	return d.db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE directory_state SET mark = $1 WHERE mark = 0", mark)
		return err
	})
}

// Imported says of which kinds there are entries that did not come from events.
func (d *Directory) Imported(ctx context.Context) (c directory.Contents, err error) {
	err = d.readTables(ctx, func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, fmt.Sprintf("SELECT EXISTS (SELECT 1 FROM %s), EXISTS (SELECT 1 FROM %s), EXISTS (SELECT 1 FROM %s)",
			d.table(directory.KindPatients), d.table(directory.KindOrganisations), d.table(directory.KindPostcodes))).Scan(&c.Patients, &c.Organisations, &c.Postcodes)
	})
	return c, err
}

// Rows returns how many rows were put.
func (i *Import) Rows() int { return int(i.rows) }
