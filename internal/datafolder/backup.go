package datafolder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"nems/internal/store"
	"nems/internal/store/postgres"
	"nems/internal/store/sqlite"
)

// ErrNotEmbedded says that the database is PostgreSQL's, which has its own
// tools for backups (pg_basebackup, pg_dump).
var ErrNotEmbedded = errors.New("this works on the embedded database; back PostgreSQL up with its own tools (pg_basebackup, pg_dump)")

// Adopt makes a dump that was restored into PostgreSQL a database that nodes can run
// on; see postgres.Adopt.
func Adopt(ctx context.Context, url string) error { return postgres.Adopt(ctx, url) }

// The files of a data folder that a backup contains. The directory may be
// missing. Used MESH tokens are not included, because they are valid for only
// two hours.
const (
	eventsFile    = "nems.db"
	DirectoryFile = "directory.db"
)

// Backup copies the databases of a data folder to a folder, which is made if it
// is missing. The service may be running. progress is called with the number of
// pages of a file.
func Backup(ctx context.Context, folder, url, to string, progress func(file string, done, all int)) error {
	if IsPostgres(url) {
		return ErrNotEmbedded
	}
	path, err := Path(folder, url)
	if err != nil {
		return err
	}
	return copyFiles(ctx, path, folder, to, progress)
}

// Restore makes a data folder from a backup. It refuses a folder that contains
// any file of a database, because the log of another database would be taken for
// that of the restored one.
func Restore(ctx context.Context, from, data string, progress func(file string, done, all int)) error {
	entries, err := os.ReadDir(data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if isDatabaseFile(e.Name()) {
			return fmt.Errorf("%s: %w; restore into a folder without databases, or what is left of some", filepath.Join(data, e.Name()), os.ErrExist)
		}
	}
	if err := copyFiles(ctx, filepath.Join(from, eventsFile), from, data, progress); err != nil {
		return err
	}
	return sqlite.BeginEpoch(filepath.Join(data, eventsFile), time.Now())
}

// Discard removes what Restore has just made. The folder contained no other file of
// a database.
func Discard(data string) error {
	var failed error
	for _, name := range []string{eventsFile, DirectoryFile} {
		for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
			if err := os.Remove(filepath.Join(data, name+suffix)); !errors.Is(err, fs.ErrNotExist) {
				failed = errors.Join(failed, err)
			}
		}
	}
	return failed
}

// isDatabaseFile reports whether a name is that of a database, of its log,
// journal or lock, or of a file of used MESH tokens.
func isDatabaseFile(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, ".db") || strings.HasPrefix(name, "nonces")
}

// copyFiles copies both databases to a folder. If it fails, the folder stays as it was.
func copyFiles(ctx context.Context, events, folder, to string, progress func(file string, done, all int)) (err error) {
	if _, err := os.Stat(events); err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o750); err != nil {
		return err
	}
	var made []string
	defer func() {
		if err == nil {
			return
		}
		for _, path := range made {
			_ = os.Remove(path)
		}
	}()
	for _, f := range []struct{ from, name string }{{filepath.Join(folder, DirectoryFile), DirectoryFile}, {events, eventsFile}} {
		target := filepath.Join(to, f.name)
		err := sqlite.Backup(ctx, f.from, target, func(done, all int) { progress(f.name, done, all) })
		if errors.Is(err, fs.ErrNotExist) && f.name == DirectoryFile {
			continue // nothing was imported
		}
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%w: a backup is never overwritten; take another folder", err)
		}
		if err != nil {
			return err
		}
		made = append(made, target)
	}
	return nil
}

// Check reads the database of events completely; see sqlite.Check and postgres.Check.
func Check(ctx context.Context, folder, url string, progress func(file string, done, all int)) (store.Health, error) {
	if IsPostgres(url) {
		return postgres.Check(ctx, url, func(done, all int) { progress("messages", done, all) })
	}
	path, err := Path(folder, url)
	if err != nil {
		return store.Health{}, err
	}
	return sqlite.Check(ctx, path, func(done, all int) { progress(eventsFile, done, all) })
}
