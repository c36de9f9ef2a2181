package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/directory"
	"nems/internal/nhs"
)

// Directory is the embedded directory of patients, organisations and
// postcodes, in a file of its own: an import of millions of postcodes never
// holds up the database of events. Several processes may have it open, so that
// an import runs beside the service. Safe for concurrent use.
type Directory struct {
	readers *pool

	organisations remembered[nhs.ODSCode, directory.Organisation]
	postcodes     remembered[int64, directory.Places]

	mu     sync.Mutex // of the connection that writes
	writer *sqlite.Conn
	places map[directory.Places]int64
}

// OpenDirectory opens the directory at path, making it if it is missing. It
// returns store.ErrSchema as Open does.
func OpenDirectory(path string) (*Directory, error) {
	d := &Directory{places: map[directory.Places]int64{}}
	if err := d.open(path); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), d.Close())
	}
	return d, nil
}

func (d *Directory) open(path string) (err error) {
	// What an import writes can be imported again: NORMAL keeps the file whole
	// through a power cut, which is all that is needed.
	if d.writer, err = openWriter(path, directoryAppID, "NORMAL", 8<<10); err != nil {
		return err
	}
	// Another process may be importing: its commits are waited for.
	d.writer.SetBusyTimeout(busyTimeout)
	if err = migrate(d.writer, directoryAppID, directoryMigrations); err != nil {
		return err
	}
	err = rows(d.writer, "SELECT id, sub_icb, authority, country FROM places", func(s *sqlite.Stmt) error {
		d.places[directory.Places{SubICB: s.ColumnText(1), LocalAuthority: s.ColumnText(2), Country: s.ColumnText(3)}] = s.ColumnInt64(0)
		return nil
	})
	if err != nil {
		return err
	}
	if d.readers, err = openPool(path, 2, readerCacheKiB); err != nil {
		return err
	}
	for _, conn := range []**sqlite.Conn{&d.organisations.conn, &d.postcodes.conn} {
		if *conn, err = open(path, sqlite.OpenReadOnly, "query_only=1"); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the files.
func (d *Directory) Close() error {
	var err error
	if d.readers != nil {
		err = d.readers.close()
	}
	for _, conn := range []*sqlite.Conn{d.organisations.conn, d.postcodes.conn, d.writer} {
		if conn != nil {
			err = errors.Join(err, conn.Close())
		}
	}
	return err
}

// write runs f in one transaction.
func (d *Directory) write(ctx context.Context, f func() error) (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := exec(d.writer, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err = f(); err == nil {
		err = exec(d.writer, "COMMIT")
	}
	if err != nil {
		// Numbers that were given to new places are not in the table.
		clear(d.places)
		if !d.writer.AutocommitEnabled() {
			err = errors.Join(err, exec(d.writer, "ROLLBACK"))
		}
	}
	return err
}

// writePlaces runs f in one transaction, after which what is remembered of
// organisations and postcodes counts no longer, here and in other processes.
func (d *Directory) writePlaces(ctx context.Context, f func() error) error {
	defer d.organisations.doubt()
	defer d.postcodes.doubt()
	return d.write(ctx, func() error {
		if err := f(); err != nil {
			return err
		}
		return exec(d.writer, "UPDATE state SET written = written + 1")
	})
}

// busyTimeout is how long a batch waits for the commit of another process.
const busyTimeout = 10 * time.Second

const secondsPerDay = 24 * 60 * 60

const (
	flagSensitive = 1
	flagInvalid   = 2
)

// PutPatients keeps patients, replacing those that are there: all or none.
func (d *Directory) PutPatients(ctx context.Context, patients []directory.Patient) error {
	return d.write(ctx, func() error {
		for i := range patients {
			if err := d.putPatient(&patients[i]); err != nil {
				return err
			}
			if err := exec(d.writer, "DELETE FROM learnt WHERE nhs_number = ?", digits(patients[i].NHSNumber)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *Directory) putPatient(p *directory.Patient) error {
	given, err := json.Marshal(p.Given)
	if err != nil {
		return err
	}
	var superseded, born any
	if !p.SupersededBy.IsZero() {
		superseded = digits(p.SupersededBy)
	}
	if !p.BirthDate.IsZero() {
		born = p.BirthDate.Unix() / secondsPerDay // midnight: no remainder
	}
	flags := 0
	if p.Sensitive {
		flags |= flagSensitive
	}
	if p.Invalid {
		flags |= flagInvalid
	}
	return exec(d.writer, `INSERT OR REPLACE INTO patient (nhs_number, superseded_by, family, given, born, postcode, gp, flags)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		digits(p.NHSNumber), superseded, p.Family, string(given), born, p.Postcode, string(p.GP), flags)
}

// digits is an NHS number as a number.
func digits(n nhs.NHSNumber) int64 {
	var v int64
	for _, c := range n.Digits() {
		v = v*10 + int64(c-'0')
	}
	return v
}

func nhsNumber(v int64) (nhs.NHSNumber, error) { return nhs.ParseNHSNumber(fmt.Sprintf("%010d", v)) }

// maxHops bounds how often a number was superseded.
const maxHops = 10

// Patient implements directory.Patients: a number that was superseded answers
// with what the record that supersedes it says.
func (d *Directory) Patient(ctx context.Context, n nhs.NHSNumber) (directory.Patient, error) {
	p, err := d.record(ctx, n)
	for hops := 0; err == nil && !p.SupersededBy.IsZero() && hops < maxHops; hops++ {
		p, err = d.record(ctx, p.SupersededBy)
	}
	if err == nil && p.NHSNumber != n {
		p.NHSNumber, p.SupersededBy = n, p.NHSNumber
	}
	return p, err
}

// record reads a patient's own record, directory.ErrNotFound when there is none.
func (d *Directory) record(ctx context.Context, n nhs.NHSNumber) (p directory.Patient, err error) {
	err = d.readers.one(ctx, func(conn *sqlite.Conn) error {
		p, err = patientRow(conn, n)
		return err
	})
	return p, err
}

// patientRow reads the row of a patient. With directory.ErrNotFound it returns
// a record that has the number alone.
func patientRow(conn *sqlite.Conn, n nhs.NHSNumber) (directory.Patient, error) {
	p := directory.Patient{NHSNumber: n}
	var given string
	var superseded int64
	found, err := row(conn, "SELECT superseded_by, family, given, born, postcode, gp, flags FROM patient WHERE nhs_number = ?", func(s *sqlite.Stmt) {
		superseded, p.Family, given = s.ColumnInt64(0), s.ColumnText(1), s.ColumnText(2)
		if !s.ColumnIsNull(3) {
			p.BirthDate = time.Unix(s.ColumnInt64(3)*secondsPerDay, 0).UTC()
		}
		p.Postcode, p.GP = s.ColumnText(4), nhs.ODSCode(s.ColumnText(5))
		flags := s.ColumnInt64(6)
		p.Sensitive, p.Invalid = flags&flagSensitive != 0, flags&flagInvalid != 0
	}, digits(n))
	if err == nil && !found {
		return p, directory.ErrNotFound
	}
	if err == nil {
		err = json.Unmarshal([]byte(given), &p.Given)
	}
	if err == nil && superseded != 0 {
		p.SupersededBy, err = nhsNumber(superseded)
	}
	if err != nil {
		return directory.Patient{}, err
	}
	return p, nil
}

// PutOrganisations keeps organisations, replacing those that are there: all or
// none.
func (d *Directory) PutOrganisations(ctx context.Context, organisations []directory.Organisation) error {
	return d.writePlaces(ctx, func() error {
		for _, o := range organisations {
			err := exec(d.writer, "INSERT OR REPLACE INTO organisation (code, name, sub_icb, practice, closed) VALUES (?, ?, ?, ?, ?)",
				string(o.Code), o.Name, string(o.SubICB), o.Practice, o.Closed)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Organisation returns an organisation, or directory.ErrNotFound.
func (d *Directory) Organisation(ctx context.Context, code nhs.ODSCode) (directory.Organisation, error) {
	return d.organisations.get(code, func() (directory.Organisation, error) { return d.organisation(ctx, code) })
}

func (d *Directory) organisation(ctx context.Context, code nhs.ODSCode) (directory.Organisation, error) {
	o := directory.Organisation{Code: code}
	found := false
	err := d.readers.one(ctx, func(conn *sqlite.Conn) (err error) {
		found, err = row(conn, "SELECT name, sub_icb, practice, closed FROM organisation WHERE code = ?", func(s *sqlite.Stmt) {
			o.Name, o.SubICB, o.Practice, o.Closed = s.ColumnText(0), nhs.ODSCode(s.ColumnText(1)), s.ColumnBool(2), s.ColumnBool(3)
		}, string(code))
		return err
	})
	if err == nil && !found {
		err = directory.ErrNotFound
	}
	if err != nil {
		return directory.Organisation{}, err
	}
	return o, nil
}

// Follow is database.Directory's. Look-ups ask by themselves whether another process has
// written.
func (*Directory) Follow(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Has looks whether there is anything of each kind, without counting.
func (d *Directory) Has(ctx context.Context) (c directory.Contents, err error) {
	err = d.readers.one(ctx, func(conn *sqlite.Conn) error {
		_, err := row(conn, "SELECT EXISTS (SELECT 1 FROM patient), EXISTS (SELECT 1 FROM organisation), EXISTS (SELECT 1 FROM postcode)", func(s *sqlite.Stmt) {
			c = directory.Contents{Patients: s.ColumnBool(0), Organisations: s.ColumnBool(1), Postcodes: s.ColumnBool(2)}
		})
		return err
	})
	return c, err
}
