package sqlite

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitemigration"

	"nems/internal/crashpoint"
	"nems/internal/store"
	"nems/internal/store/portable"
	"nems/internal/subscription"
)

// Application ids mark whose files these are ("NEMS", "NEMD" for directories).
const (
	mainAppID      = 0x4e454d53
	directoryAppID = 0x4e454d44
)

//go:embed migrations/*.sql
var mainMigrations embed.FS

//go:embed directory/*.sql
var directoryMigrations embed.FS

// migrate brings a database up to date, each numbered file in a transaction of
// its own. It returns store.ErrSchema, having changed nothing, for the file of
// another program or of a newer version of this one.
func migrate(conn *sqlite.Conn, appID int32, files fs.FS) error {
	names := migrationNames(files)
	version, err := recognise(conn, appID)
	if err == nil {
		err = notNewer(version, len(names))
	}
	if err != nil || version == int64(len(names)) {
		return err
	}
	crashpoint.Hit(crashpoint.Migrate)
	if err := conn.CreateFunction("filter_classes", filterClasses); err != nil {
		return err
	}
	schema := sqlitemigration.Schema{AppID: appID}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		schema.Migrations = append(schema.Migrations, string(text))
	}
	return sqlitemigration.Migrate(context.Background(), conn, schema)
}

// filterClasses is what migrations know of how subscriptions are filed: from the
// candidate of a route to its classes, as a JSON array. One that cannot be read is
// in class 0, where matching finds that out.
var filterClasses = &sqlite.FunctionImpl{NArgs: 1, Scalar: func(_ sqlite.Context, args []sqlite.Value) (sqlite.Value, error) {
	var c subscription.Candidate
	if store.UnpackCandidate(args[0].Blob(), &c) != nil {
		return sqlite.TextValue("[0]"), nil
	}
	classes, err := json.Marshal(subscription.Classes(c.Ages, c.Registration))
	return sqlite.TextValue(string(classes)), err
}}

// migrationNames lists the files of migrations in their order; the last one's
// number is the version that this program knows.
func migrationNames(files fs.FS) []string {
	names, err := fs.Glob(files, "*/*.sql")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	return names
}

// notNewer returns store.ErrSchema for a version that this program does not know.
func notNewer(version int64, known int) error {
	if version > int64(known) {
		return fmt.Errorf("%w: it has version %d, this program knows %d", store.ErrSchema, version, known)
	}
	return nil
}

// recognise returns the version of a database, 0 of an empty one, or
// store.ErrSchema for another program's, and for one into which a service is being
// moved.
func recognise(conn *sqlite.Conn, appID int32) (version int64, err error) {
	id, err := number(conn, "PRAGMA application_id")
	if err != nil {
		return 0, err
	}
	if version, err = number(conn, "PRAGMA user_version"); err != nil {
		return 0, err
	}
	if id == unfinishedAppID && appID != unfinishedAppID {
		return version, fmt.Errorf("%w: %w", store.ErrSchema, portable.ErrUnfinished)
	}
	tables, err := number(conn, "SELECT count(*) FROM sqlite_schema")
	if err == nil && id != int64(appID) && (id != 0 || version != 0 || tables != 0) {
		err = fmt.Errorf("%w: it belongs to another program (application id %#x)", store.ErrSchema, id)
	}
	return version, err
}

// Migrate brings the schema of the database at path up to date, making it if it
// is missing, and returns its versions before and after. It returns ErrLocked
// while another process has it open, and store.ErrSchema as Open does.
func Migrate(path string) (from, to int64, err error) {
	lock, err := lockFile(path)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	conn, err := openWriter(path, mainAppID, "FULL", writerCacheKiB)
	if err != nil {
		return 0, 0, fmt.Errorf("migrate %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if from, err = number(conn, "PRAGMA user_version"); err != nil {
		return 0, 0, err
	}
	if err := migrate(conn, mainAppID, mainMigrations); err != nil {
		return 0, 0, fmt.Errorf("migrate %s: %w", path, err)
	}
	to, err = number(conn, "PRAGMA user_version")
	return from, to, err
}
