package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"zombiezen.com/go/sqlite"
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
	defer func() {
		if err != nil {
			_ = os.Remove(unfinished)
		}
	}()
	if err := copyDatabase(ctx, path, unfinished, progress); err != nil {
		return fmt.Errorf("backup of %s: %w", path, err)
	}
	for _, name := range []string{unfinished, filepath.Dir(target)} {
		if err := syncPath(name); err != nil {
			return err
		}
	}
	return os.Rename(unfinished, target)
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

// Health is what Check found of a database.
type Health struct {
	// Damage is what SQLite says of the file itself; none when it is whole.
	Damage []string
	Events int // messages that were unpacked
	// Damaged are the events whose message no longer has its SHA-256.
	Damaged []int64
}

// Check reads a database from end to end: the file's structure, and that every
// message has the SHA-256 taken when it was published. It writes nothing; the
// service may be running on it. progress, if not nil, is told of events.
func Check(ctx context.Context, path string, progress func(done, all int)) (h Health, err error) {
	f, err := OpenAudit(path) // which knows whose file it is
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	all := 0
	err = f.db.readers.one(ctx, func(conn *sqlite.Conn) error {
		if err := rows(conn, "PRAGMA integrity_check", func(s *sqlite.Stmt) error {
			if text := s.ColumnText(0); text != "ok" {
				h.Damage = append(h.Damage, text)
			}
			return nil
		}); err != nil {
			return err
		}
		n, err := number(conn, "SELECT count(*) FROM event")
		all = int(n)
		return err
	})
	for after := int64(0); err == nil; {
		var page []int64
		if page, err = f.eventIDs(ctx, after); err != nil || len(page) == 0 {
			return h, err
		}
		for _, id := range page {
			if !f.whole(ctx, id) {
				h.Damaged = append(h.Damaged, id)
			}
			after, h.Events = id, h.Events+1
		}
		if progress != nil {
			progress(h.Events, max(all, h.Events))
		}
	}
	return h, err
}
