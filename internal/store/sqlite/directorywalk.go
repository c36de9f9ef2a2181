package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"nems/internal/directory"
	"nems/internal/nhs"
)

// walkPage is how many rows Walk reads at a time.
const walkPage = 1000

// Walk passes all of one kind to a sink, always in the same order.
func (d *Directory) Walk(ctx context.Context, kind directory.Kind, to directory.Sink) error {
	switch kind {
	case directory.KindPatients:
		return walk(ctx, d, int64(0), "SELECT nhs_number FROM patient WHERE nhs_number > ? ORDER BY nhs_number LIMIT ?", patientAt, to.PutPatients)
	case directory.KindOrganisations:
		return walk(ctx, d, "", "SELECT code, name, sub_icb, practice, closed FROM organisation WHERE code > ? ORDER BY code LIMIT ?", organisationAt, to.PutOrganisations)
	default:
		return walk(ctx, d, int64(0), `SELECT p.key, a.sub_icb, a.authority, a.country FROM postcode p JOIN places a ON a.id = p.places
			WHERE p.key > ? ORDER BY p.key LIMIT ?`, postcodeAt, to.PutPostcodes)
	}
}

// walk reads page after page, each behind the last key of the one before.
func walk[K, V any](ctx context.Context, d *Directory, after K, query string, at func(*sqlite.Conn, *sqlite.Stmt) (K, V, error), put func(context.Context, []V) error) error {
	for {
		var page []V
		err := d.readers.one(ctx, func(conn *sqlite.Conn) error {
			return rows(conn, query, func(s *sqlite.Stmt) error {
				key, v, err := at(conn, s)
				after = key
				page = append(page, v)
				return err
			}, after, walkPage)
		})
		if err != nil || len(page) == 0 {
			return err
		}
		if err := put(ctx, page); err != nil {
			return err
		}
	}
}

func patientAt(conn *sqlite.Conn, s *sqlite.Stmt) (int64, directory.Patient, error) {
	key := s.ColumnInt64(0)
	n, err := nhsNumber(key)
	if err != nil {
		return key, directory.Patient{}, err
	}
	p, err := patientRow(conn, n)
	return key, p, err
}

func organisationAt(_ *sqlite.Conn, s *sqlite.Stmt) (string, directory.Organisation, error) {
	return s.ColumnText(0), directory.Organisation{Code: nhs.ODSCode(s.ColumnText(0)), Name: s.ColumnText(1),
		SubICB: nhs.ODSCode(s.ColumnText(2)), Practice: s.ColumnBool(3), Closed: s.ColumnBool(4)}, nil
}

func postcodeAt(_ *sqlite.Conn, s *sqlite.Stmt) (int64, directory.PostcodePlaces, error) {
	key := s.ColumnInt64(0)
	return key, directory.PostcodePlaces{Postcode: postcodeOf(key), Places: directory.Places{
		SubICB: s.ColumnText(1), LocalAuthority: s.ColumnText(2), Country: s.ColumnText(3)}}, nil
}

// postcodeOf is the inverse of postcodeKey, without blanks.
func postcodeOf(key int64) string {
	var text []byte
	for ; key > 0; key /= 37 {
		const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		text = append([]byte{letters[max(key%37-1, 0)]}, text...)
	}
	return string(text)
}

// WalkLearnt tells how new the parts of those records are that events have changed.
func (d *Directory) WalkLearnt(ctx context.Context, tell func(nhs.NHSNumber, directory.Versions)) error {
	type learnt struct {
		n     nhs.NHSNumber
		known directory.Versions
	}
	at := func(conn *sqlite.Conn, s *sqlite.Stmt) (int64, learnt, error) {
		key := s.ColumnInt64(0)
		n, err := nhsNumber(key)
		if err != nil {
			return key, learnt{}, err
		}
		known, err := versionsOf(conn, n)
		return key, learnt{n, known}, err
	}
	return walk(ctx, d, int64(0), "SELECT nhs_number FROM learnt WHERE nhs_number > ? ORDER BY nhs_number LIMIT ?", at, func(_ context.Context, page []learnt) error {
		for _, l := range page {
			tell(l.n, l.known)
		}
		return nil
	})
}
