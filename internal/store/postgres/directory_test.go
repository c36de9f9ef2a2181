package postgres_test

import (
	"testing"

	"nems/internal/database"
	"nems/internal/store/postgres"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
)

// emptyDatabase makes a database with our schema.
func emptyDatabase(t *testing.T) string {
	t.Helper()
	dsn := pgtest.Shared(t).Database(t)
	if _, _, err := postgres.Migrate(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	return dsn
}

// sharedDirectory is the directory as one node has it.
type sharedDirectory struct {
	*postgres.Directory
	db *postgres.DB
}

func (d sharedDirectory) Close() error {
	_ = d.Directory.Close()
	return d.db.Close()
}

func openShared(t *testing.T, dsn string, patients int) sharedDirectory {
	t.Helper()
	db, err := postgres.Open(t.Context(), dsn, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return sharedDirectory{db.Directory(patients), db}
}

func TestDirectorySuite(t *testing.T) {
	empty := emptyDatabase(t)
	for name, patients := range map[string]int{"remembering": 1000, "remembering nothing": 0} {
		t.Run(name, func(t *testing.T) {
			storetest.RunDirectory(t, func(t *testing.T) func() database.Directory {
				dsn := pgtest.Shared(t).Clone(t, empty)
				return func() database.Directory { return openShared(t, dsn, patients) }
			})
		})
	}
}
