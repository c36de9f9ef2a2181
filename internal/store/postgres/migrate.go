package postgres

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"nems/internal/crashpoint"
	"nems/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versionTable is where the version of the schema stands.
const versionTable = "nems_schema_version"

// Migrate brings the schema of the database up to date, each numbered file in a
// transaction of its own, one node at a time. It returns the versions before
// and after, and store.ErrSchema, having changed nothing, for a schema that is
// newer or another program's.
func Migrate(ctx context.Context, dsn string) (from, to int64, err error) {
	err = withProvider(dsn, func(db *sql.DB, p *goose.Provider) error {
		if from, to, err = versions(ctx, db, p); err != nil {
			return err
		}
		crashpoint.Hit(crashpoint.Migrate)
		if _, err := p.Up(ctx); err != nil {
			return fmt.Errorf("migrating from version %d to %d: %w", from, to, plain(err))
		}
		return nil
	})
	if err != nil {
		return 0, 0, fmt.Errorf("PostgreSQL: %w", err)
	}
	return from, to, nil
}

// prepareSchema migrates, or refuses a schema that is not this program's.
func prepareSchema(ctx context.Context, dsn string, migrate bool) error {
	return withProvider(dsn, func(db *sql.DB, p *goose.Provider) error {
		from, to, err := versions(ctx, db, p)
		if err != nil || from == to {
			return err
		}
		if !migrate && from == 0 {
			return fmt.Errorf("%w: it is empty: run nems migrate", store.ErrSchema)
		}
		if !migrate {
			return fmt.Errorf("%w: it has version %d, this program needs %d: run nems migrate", store.ErrSchema, from, to)
		}
		crashpoint.Hit(crashpoint.Migrate)
		_, err = p.Up(ctx)
		return plain(err)
	})
}

// withProvider opens the database for goose.
func withProvider(dsn string, f func(*sql.DB, *goose.Provider) error) error {
	s, err := newServers(dsn, slog.New(slog.DiscardHandler), func() {})
	if err != nil {
		return err
	}
	config := s.config.ConnConfig.Copy()
	config.RuntimeParams["statement_timeout"] = "0" // a large table takes its time
	config.RuntimeParams["enable_seqscan"] = "on"
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	db := stdlib.OpenDB(*config)
	defer func() { _ = db.Close() }()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	// A node that was killed while migrating holds the lock for some moments.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithTableName(versionTable), goose.WithSessionLocker(locker))
	if err != nil {
		return err
	}
	return f(db, p)
}

// versions returns what the database has and what this program needs.
func versions(ctx context.Context, db *sql.DB, p *goose.Provider) (has, needs int64, err error) {
	sources := p.ListSources()
	needs = sources[len(sources)-1].Version
	var ours, may bool
	var schema string
	var others int
	err = db.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL, coalesce(current_schema(), 'public'), coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
		(SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p'))`,
		versionTable).Scan(&ours, &schema, &may, &others)
	switch {
	case err != nil:
		return 0, 0, plain(err)
	case !ours && others > 0:
		return 0, 0, fmt.Errorf("%w: it belongs to another program (%d tables, none of ours)", store.ErrSchema, others)
	case !ours && !may:
		return 0, 0, fmt.Errorf("permission denied: the role may not make tables; GRANT CREATE ON SCHEMA %s to it", schema)
	case !ours:
		return 0, needs, nil
	}
	if has, err = p.GetDBVersion(ctx); err != nil {
		return 0, 0, plain(err)
	}
	if has > needs {
		return has, needs, fmt.Errorf("%w: it has version %d, this program knows %d", store.ErrSchema, has, needs)
	}
	return has, needs, nil
}
