package sqlite

import (
	"context"
	"errors"

	"zombiezen.com/go/sqlite"

	"nems/internal/directory"
)

var errPostcode = errors.New("a postcode has two to eight letters and digits")

// postcodeKey packs letters and digits, without regard to case and blanks, into
// a number: a row of the table then takes about ten bytes.
func postcodeKey(s string) (int64, error) {
	var key int64
	n := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c == ' ':
			continue
		case c >= '0' && c <= '9':
			key = key*37 + int64(c-'0') + 1
		case c >= 'A' && c <= 'Z':
			key = key*37 + int64(c-'A') + 11
		case c >= 'a' && c <= 'z':
			key = key*37 + int64(c-'a') + 11
		default:
			return 0, errPostcode
		}
		n++
	}
	if n < 2 || n > 8 {
		return 0, errPostcode
	}
	return key, nil
}

// PutPostcodes keeps where postcodes lie, replacing what is there: all or none.
func (d *Directory) PutPostcodes(ctx context.Context, postcodes []directory.PostcodePlaces) error {
	return d.writePlaces(ctx, func() error {
		for _, p := range postcodes {
			key, err := postcodeKey(p.Postcode)
			if err != nil {
				return err
			}
			places, err := d.placesNumber(p.Places)
			if err != nil {
				return err
			}
			if err := exec(d.writer, "INSERT OR REPLACE INTO postcode (key, places) VALUES (?, ?)", key, places); err != nil {
				return err
			}
		}
		return nil
	})
}

// placesNumber returns the number of a combination of areas, adding it when it
// is new.
func (d *Directory) placesNumber(p directory.Places) (int64, error) {
	if n, ok := d.places[p]; ok {
		return n, nil
	}
	err := exec(d.writer, "INSERT OR IGNORE INTO places (sub_icb, authority, country) VALUES (?, ?, ?)", p.SubICB, p.LocalAuthority, p.Country)
	if err != nil {
		return 0, err
	}
	n, err := number(d.writer, "SELECT id FROM places WHERE sub_icb = ? AND authority = ? AND country = ?", p.SubICB, p.LocalAuthority, p.Country)
	if err == nil {
		d.places[p] = n
	}
	return n, err
}

// Places says where a postcode lies, whatever its spacing and case, or
// directory.ErrNotFound.
func (d *Directory) Places(ctx context.Context, postcode string) (directory.Places, error) {
	key, err := postcodeKey(postcode)
	if err != nil {
		return directory.Places{}, directory.ErrNotFound
	}
	return d.postcodes.get(key, func() (directory.Places, error) { return d.readPlaces(ctx, key) })
}

func (d *Directory) readPlaces(ctx context.Context, key int64) (p directory.Places, err error) {
	found := false
	// Two look-ups, not a join: SQLite plans a join that depends on a bound
	// value anew for every value. They need no transaction around them, since
	// rows of places are only ever added.
	err = d.readers.one(ctx, func(conn *sqlite.Conn) (err error) {
		places, err := number(conn, "SELECT places FROM postcode WHERE key = ?", key)
		if err != nil || places == 0 {
			return err
		}
		found, err = row(conn, "SELECT sub_icb, authority, country FROM places WHERE id = ?", func(s *sqlite.Stmt) {
			p = directory.Places{SubICB: s.ColumnText(0), LocalAuthority: s.ColumnText(1), Country: s.ColumnText(2)}
		}, places)
		return err
	})
	if err == nil && !found {
		err = directory.ErrNotFound
	}
	return p, err
}
