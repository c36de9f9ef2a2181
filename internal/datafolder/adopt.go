package datafolder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"nems/internal/database"
	"nems/internal/directory"
	"nems/internal/store/postgres"
	"nems/internal/store/sqlite"
)

// Adoption takes over the directory that a node had in its data folder, before the nodes
// of a PostgreSQL database shared one: the parts of which the database has nothing. The
// file stays as it is.
type Adoption struct {
	file  *sqlite.Directory
	url   string
	Parts []directory.Kind // that the file has and the database has not
}

// OpenAdoption finds what is to be taken over; nil if that is nothing. patients says
// whether patients are needed. What the file has learnt of the journal the database
// need not learn again.
func OpenAdoption(ctx context.Context, folder, url string, shared database.Directory, patients bool) (*Adoption, error) {
	path := filepath.Join(folder, DirectoryFile)
	in, ok := shared.(*postgres.Directory)
	if _, err := os.Stat(path); !ok || errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	file, err := sqlite.OpenDirectory(path)
	if err != nil {
		return nil, err
	}
	a := &Adoption{file: file, url: url}
	if err := a.compare(ctx, in, patients); err != nil || len(a.Parts) == 0 {
		return nil, errors.Join(err, file.Close())
	}
	return a, nil
}

func (a *Adoption) compare(ctx context.Context, in *postgres.Directory, patients bool) error {
	has, err := a.file.Has(ctx)
	if err != nil {
		return err
	}
	there, err := in.Imported(ctx)
	if err != nil {
		return err
	}
	for _, part := range []struct {
		kind  directory.Kind
		wants bool
	}{
		{directory.KindOrganisations, has.Organisations && !there.Organisations},
		{directory.KindPostcodes, has.Postcodes && !there.Postcodes},
		{directory.KindPatients, has.Patients && !there.Patients && patients},
	} {
		if part.wants {
			a.Parts = append(a.Parts, part.kind)
		}
	}
	if has.Patients && !there.Patients && patients {
		mark, err := a.file.Mark(ctx)
		if err != nil {
			return err
		}
		return in.AdoptMark(ctx, mark)
	}
	return nil
}

// Run takes one part over, and returns how many rows. It does nothing if another node or
// an import has filled the part meanwhile, and returns directory.ErrImporting while one
// is at it. If it is broken off, the next Run goes on there.
func (a *Adoption) Run(ctx context.Context, kind directory.Kind) (rows int, err error) {
	to, err := postgres.OpenImport(ctx, a.url, kind, false)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if empty, err := to.Empty(ctx); err != nil || !empty {
		return 0, err
	}
	to.Adopting()
	if err := a.file.Walk(ctx, kind, to); err != nil {
		return 0, err
	}
	if kind == directory.KindPatients {
		if err := a.file.WalkLearnt(ctx, to.Learnt); err != nil {
			return 0, err
		}
	}
	if err := to.Finish(ctx, func(string) {}); err != nil {
		return 0, fmt.Errorf("taking over the %s of %s: %w", kind, DirectoryFile, err)
	}
	return to.Rows(), nil
}

// Close closes the file.
func (a *Adoption) Close() error { return a.file.Close() }
