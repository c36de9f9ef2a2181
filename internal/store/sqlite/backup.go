package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"nems/internal/store/ledger"
)

// backupStep is how many pages are copied between two looks at the context.
const backupStep = 2000

// Backup copies the database at path to a new file, as it is at one moment. The
// service may be running on it: writers are not held up, but their log cannot
// be emptied meanwhile. The copy appears under its name once it is whole and
// on disk. progress, if not nil, is told how many pages are done. It returns
// an error that wraps os.ErrExist when the target is there.
func Backup(ctx context.Context, path, target string, progress func(done, all int)) (err error) {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	if _, err := os.Stat(target); err == nil {
		return fmt.Errorf("%s: %w", target, os.ErrExist)
	}
	unfinished := target + ".unfinished"
	remove := func() {
		for _, suffix := range []string{"", "-journal", "-wal", "-shm"} {
			_ = os.Remove(unfinished + suffix)
		}
	}
	remove() // what a copy that was killed left
	defer func() {
		if err != nil {
			remove()
		}
	}()
	if err := copyDatabase(ctx, path, unfinished, progress); err != nil {
		return fmt.Errorf("backup of %s: %w", path, err)
	}
	if err := syncPath(unfinished); err != nil {
		return err
	}
	if err := os.Rename(unfinished, target); err != nil {
		return err
	}
	return syncPath(filepath.Dir(target))
}

func copyDatabase(ctx context.Context, path, target string, progress func(done, all int)) (err error) {
	src, err := open(path, sqlite.OpenReadOnly)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	// One read transaction: otherwise each commit of the service would have the
	// copy begin again.
	if err := exec(src, "BEGIN"); err != nil {
		return err
	}
	if _, err := number(src, "SELECT count(*) FROM sqlite_schema"); err != nil {
		return err
	}
	dst, err := open(target, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	if err := copyPages(ctx, dst, src, progress); err != nil {
		return err
	}
	// Without the mark of a log the copy can be read where nothing can be
	// written; a service that opens it sets the mark again.
	return sqlitex.ExecuteTransient(dst, "PRAGMA journal_mode=DELETE", nil)
}

func copyPages(ctx context.Context, dst, src *sqlite.Conn, progress func(done, all int)) (err error) {
	b, err := sqlite.NewBackup(dst, "main", src, "main")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if more, err = b.Step(backupStep); err != nil {
			return err
		}
		if progress != nil {
			progress(b.PageCount()-b.Remaining(), b.PageCount())
		}
	}
	return nil
}

// syncPath has a file, or the names in a folder, on disk.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// BeginEpoch begins a new epoch of numbers (store.Counting) in a database that was
// just restored and that nobody has opened yet.
func BeginEpoch(path string, now time.Time) (err error) {
	conn, err := open(path, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	there, err := number(conn, "SELECT count(*) FROM sqlite_schema WHERE name = 'numbering'")
	if err != nil || there == 0 { // a backup of an earlier version
		return err
	}
	return exec(conn, ledger.BeginEpoch, now.Unix())
}
