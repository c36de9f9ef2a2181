package sqlite

import (
	"context"
	"errors"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/directory"
	"nems/internal/nhs"
)

// Learn applies changes of patients' records in one transaction, and says how
// many records are others now. A patient whom the directory does not have is
// added. It survives kill -9; what a power cut takes, the journal tells again.
func (d *Directory) Learn(ctx context.Context, changes []directory.Change) (changed int, err error) {
	err = d.write(ctx, func() error {
		for _, c := range changes {
			is, err := d.learn(c)
			if err != nil {
				return err
			}
			if is {
				changed++
			}
		}
		return nil
	})
	if err != nil {
		changed = 0
	}
	return changed, err
}

func (d *Directory) learn(c directory.Change) (bool, error) {
	p, err := patientRow(d.writer, c.NHSNumber)
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		return false, err
	}
	known, err := versionsOf(d.writer, c.NHSNumber)
	if err != nil || !c.Apply(&p, &known) {
		return false, err
	}
	if err := d.putPatient(&p); err != nil {
		return false, err
	}
	args := []any{digits(c.NHSNumber)}
	for _, v := range parts(&known) {
		args = append(args, microseconds(v.LastUpdated), v.SCN)
	}
	return true, exec(d.writer, `INSERT OR REPLACE INTO learnt (nhs_number, name_at, name_scn, birth_at, birth_scn, home_at, home_scn, gp_at, gp_scn)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, args...)
}

// versionsOf reads how new the parts of a record are; all zero where no event
// has changed it.
func versionsOf(conn *sqlite.Conn, n nhs.NHSNumber) (known directory.Versions, err error) {
	_, err = row(conn, "SELECT name_at, name_scn, birth_at, birth_scn, home_at, home_scn, gp_at, gp_scn FROM learnt WHERE nhs_number = ?", func(s *sqlite.Stmt) {
		for i, v := range parts(&known) {
			if at := s.ColumnInt64(2 * i); at != 0 {
				v.LastUpdated = time.UnixMicro(at).UTC()
			}
			v.SCN = s.ColumnInt64(2*i + 1)
		}
	}, digits(n))
	return known, err
}

// parts lists the parts of a record in the order of their columns.
func parts(v *directory.Versions) []*directory.Version {
	return []*directory.Version{&v.Name, &v.Birth, &v.Home, &v.GP}
}

// microseconds since 1970, 0 for the zero time.
func microseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Mark is up to where the changes of a journal are learnt; 0 at first.
func (d *Directory) Mark(ctx context.Context) (mark int64, err error) {
	err = d.readers.one(ctx, func(conn *sqlite.Conn) error {
		mark, err = number(conn, "SELECT mark FROM state")
		return err
	})
	return mark, err
}

// SetMark keeps up to where they are learnt.
func (d *Directory) SetMark(ctx context.Context, mark int64) error {
	return d.write(ctx, func() error { return exec(d.writer, "UPDATE state SET mark = ?", mark) })
}
