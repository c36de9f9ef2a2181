package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/directory"
	"nems/internal/nhs"
)

// person is a patient's own record, and how new its parts are.
type person struct {
	directory.Patient
	known directory.Versions
}

// maxHops bounds how often a number was superseded.
const maxHops = 10

// Patient is directory.Patients': a number that was superseded answers with what the
// record that supersedes it says.
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

// record returns a patient's own record, with a copy of what the receiver could change.
func (d *Directory) record(ctx context.Context, n nhs.NHSNumber) (directory.Patient, error) {
	if err := d.current(ctx); err != nil {
		return directory.Patient{}, err
	}
	p, err := d.patients.get(ctx, digits(n))
	if err != nil {
		return directory.Patient{}, err
	}
	p.Given = slices.Clone(p.Given)
	return p.Patient, nil
}

// Organisation is directory.Organisations'.
func (d *Directory) Organisation(ctx context.Context, code nhs.ODSCode) (directory.Organisation, error) {
	if err := d.current(ctx); err != nil {
		return directory.Organisation{}, err
	}
	return d.organisations.get(ctx, code)
}

// Places is directory.Postcodes'.
func (d *Directory) Places(ctx context.Context, postcode string) (directory.Places, error) {
	key, ok := postcodeKey(postcode)
	if !ok {
		return directory.Places{}, directory.ErrNotFound
	}
	if err := d.current(ctx); err != nil {
		return directory.Places{}, err
	}
	return d.postcodes.get(ctx, key)
}

// postcodeKey writes a postcode in capitals without blanks. It reports whether there
// are two to eight letters and digits and nothing else.
func postcodeKey(postcode string) (string, bool) {
	key := strings.ToUpper(strings.ReplaceAll(postcode, " ", ""))
	for i := range len(key) {
		if c := key[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return "", false
		}
	}
	return key, len(key) >= 2 && len(key) <= 8
}

// personColumns are those of a record b with what was learnt l laid over it.
const personColumns = `CASE WHEN l.whole THEN l.superseded ELSE b.superseded END,
	CASE WHEN l.name_at <> 0 THEN l.family ELSE b.family END, CASE WHEN l.name_at <> 0 THEN l.given ELSE b.given END,
	CASE WHEN l.birth_at <> 0 THEN l.born ELSE b.born END, CASE WHEN l.home_at <> 0 THEN l.postcode ELSE b.postcode END,
	CASE WHEN l.gp_at <> 0 THEN l.gp ELSE b.gp END, CASE WHEN l.whole THEN l.flags ELSE b.flags END,
	l.name_at, l.name_scn, l.birth_at, l.birth_scn, l.home_at, l.home_scn, l.gp_at, l.gp_scn`

// readPatients reads patients with their practices and homes, which most events ask
// for next: in one query.
func (d *Directory) readPatients(ctx context.Context, keys []int64) (map[int64]person, error) {
	var all map[int64]person
	err := d.readTables(ctx, func(ctx context.Context, q querier) error {
		organisations, postcodes := d.organisations.state(), d.postcodes.state()
		rows, err := q.Query(ctx, fmt.Sprintf(`SELECT k.key, %s, o.name, o.sub_icb, o.practice, o.closed, p.sub_icb, p.authority, p.country
			FROM unnest($1::bigint[]) AS k(key) LEFT JOIN %s b ON b.key = k.key LEFT JOIN directory_learnt l ON l.key = k.key
			LEFT JOIN %s o ON o.key = CASE WHEN l.gp_at <> 0 THEN l.gp ELSE b.gp END
			LEFT JOIN %s p ON p.key = replace(CASE WHEN l.home_at <> 0 THEN l.postcode ELSE b.postcode END, ' ', '')
			WHERE b.key IS NOT NULL OR l.key IS NOT NULL`,
			personColumns, d.table(directory.KindPatients), d.table(directory.KindOrganisations), d.table(directory.KindPostcodes)), keys)
		if err != nil {
			return err
		}
		all, err = d.takePatients(rows, organisations, postcodes)
		return err
	})
	return all, err
}

// takePatients reads the rows of readPatients, and remembers the practices and homes.
func (d *Directory) takePatients(rows pgx.Rows, organisations, postcodes uint64) (map[int64]person, error) {
	all := map[int64]person{}
	var r personRow
	var name, subICB, area, authority, country *string
	var practice, closed *bool
	_, err := pgx.ForEachRow(rows, append(r.targets(), &name, &subICB, &practice, &closed, &area, &authority, &country), func() error {
		p, err := r.person()
		if err != nil {
			return err
		}
		all[r.key] = p
		if p.GP != "" {
			o := found[directory.Organisation]{absent: practice == nil}
			if practice != nil {
				o.row = directory.Organisation{Code: p.GP, Name: *name, SubICB: nhs.ODSCode(*subICB), Practice: *practice, Closed: *closed}
			}
			d.organisations.remember(p.GP, o, organisations)
		}
		if key, ok := postcodeKey(p.Postcode); ok {
			at := found[directory.Places]{absent: area == nil}
			if area != nil {
				at.row = directory.Places{SubICB: *area, LocalAuthority: *authority, Country: *country}
			}
			d.postcodes.remember(key, at, postcodes)
		}
		return nil
	})
	return all, err
}

// personRow is the number of a patient and personColumns.
type personRow struct {
	key                         int64
	superseded                  *int64
	family, given, postcode, gp *string
	born                        *int32
	flags                       *int16
	versions                    [8]*int64
}

func (r *personRow) targets() []any {
	all := []any{&r.key, &r.superseded, &r.family, &r.given, &r.born, &r.postcode, &r.gp, &r.flags}
	for i := range r.versions {
		all = append(all, &r.versions[i])
	}
	return all
}

const secondsPerDay = 24 * 60 * 60

const (
	flagSensitive = 1
	flagInvalid   = 2
)

func (r *personRow) person() (p person, err error) {
	if p.NHSNumber, err = nhsNumber(r.key); err != nil {
		return p, err
	}
	if r.superseded != nil {
		if p.SupersededBy, err = nhsNumber(*r.superseded); err != nil {
			return p, err
		}
	}
	if r.given != nil {
		if err = json.Unmarshal([]byte(*r.given), &p.Given); err != nil {
			return p, err
		}
	}
	if r.born != nil {
		p.BirthDate = time.Unix(int64(*r.born)*secondsPerDay, 0).UTC()
	}
	if r.flags != nil {
		p.Sensitive, p.Invalid = *r.flags&flagSensitive != 0, *r.flags&flagInvalid != 0
	}
	p.Family, p.Postcode, p.GP = orEmpty(r.family), orEmpty(r.postcode), nhs.ODSCode(orEmpty(r.gp))
	for i, v := range versionsOf(&p.known) {
		if at := r.versions[2*i]; at != nil && *at != 0 {
			v.LastUpdated, v.SCN = time.UnixMicro(*at).UTC(), *r.versions[2*i+1]
		}
	}
	return p, nil
}

// versionsOf lists the parts of a record in the order of their columns.
func versionsOf(v *directory.Versions) []*directory.Version {
	return []*directory.Version{&v.Name, &v.Birth, &v.Home, &v.GP}
}

// digits is an NHS number as a number.
func digits(n nhs.NHSNumber) int64 {
	v, _ := strconv.ParseInt(n.Digits(), 10, 64)
	return v
}

func nhsNumber(v int64) (nhs.NHSNumber, error) { return nhs.ParseNHSNumber(fmt.Sprintf("%010d", v)) }

func (d *Directory) readOrganisations(ctx context.Context, codes []nhs.ODSCode) (map[nhs.ODSCode]directory.Organisation, error) {
	all := map[nhs.ODSCode]directory.Organisation{}
	err := d.readTables(ctx, func(ctx context.Context, q querier) error {
		rows, err := q.Query(ctx, "SELECT key, name, sub_icb, practice, closed FROM "+d.table(directory.KindOrganisations)+" WHERE key = ANY($1::text[])", codes)
		if err != nil {
			return err
		}
		var o directory.Organisation
		_, err = pgx.ForEachRow(rows, []any{&o.Code, &o.Name, &o.SubICB, &o.Practice, &o.Closed}, func() error { all[o.Code] = o; return nil })
		return err
	})
	return all, err
}

func (d *Directory) readPostcodes(ctx context.Context, keys []string) (map[string]directory.Places, error) {
	all := map[string]directory.Places{}
	err := d.readTables(ctx, func(ctx context.Context, q querier) error {
		rows, err := q.Query(ctx, "SELECT key, sub_icb, authority, country FROM "+d.table(directory.KindPostcodes)+" WHERE key = ANY($1::text[])", keys)
		if err != nil {
			return err
		}
		var key string
		var p directory.Places
		_, err = pgx.ForEachRow(rows, []any{&key, &p.SubICB, &p.LocalAuthority, &p.Country}, func() error { all[key] = p; return nil })
		return err
	})
	return all, err
}
