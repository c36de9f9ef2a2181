package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
	"nems/internal/store/portable"
)

// source is a database that a service moves from.
type source struct {
	exchange
	lock io.Closer
}

var _ portable.Source = (*source)(nil)

// OpenSource opens the database at path to move from it. It returns ErrLocked while
// another process has it open, and keeps others out until Close. Nothing in it is
// changed. The schema must be this version's.
func OpenSource(path string, o portable.Options) (portable.Source, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if info.Size() == 0 {
		return nil, fmt.Errorf("%s: %w: it is empty", path, store.ErrSchema)
	}
	lock, err := lockFile(path)
	if err != nil {
		return nil, inUse(err)
	}
	s := &source{exchange: exchange{options: o}, lock: lock}
	if err := s.open(path); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, foreign(err)), s.Close())
	}
	return s, nil
}

// foreign says what a file is not that SQLite cannot read.
func foreign(err error) error {
	if sqlite.ErrCode(err) == sqlite.ResultNotADB {
		return errors.New("it is no database of a service: expected the file nems.db of a data folder")
	}
	return err
}

// inUse says what to do about a database that is locked.
func inUse(err error) error {
	if errors.Is(err, ErrLocked) {
		return fmt.Errorf("%w: %w", err, portable.ErrInUse)
	}
	return err
}

func (s *source) open(path string) (err error) {
	if s.conn, err = open(path, sqlite.OpenReadOnly, "query_only=1", "temp_store=MEMORY", fmt.Sprintf("cache_size=-%d", writerCacheKiB)); err != nil {
		return err
	}
	if err := s.conn.CreateFunction("count_copies", countCopies); err != nil {
		return err
	}
	if err := exec(s.conn, "BEGIN"); err != nil {
		return err
	}
	version, err := recognise(s.conn, mainAppID)
	if err != nil {
		return err
	}
	known := len(migrationNames(mainMigrations))
	if version < int64(known) {
		return fmt.Errorf("%w: it has version %d, this program needs %d: run nems migrate --database sqlite:%s", store.ErrSchema, version, known, path)
	}
	return notNewer(version, known)
}

// Close is portable.Source's.
func (s *source) Close() error {
	var err error
	if s.conn != nil {
		err = s.conn.Close()
	}
	return errors.Join(err, s.lock.Close())
}

// occupied names the first table of a database that has rows; "" for none.
func (x *exchange) occupied(ctx context.Context) (string, error) {
	for _, t := range portable.Tables {
		if t.Name == "registry" {
			continue // there is always one row
		}
		if n, err := x.Count(ctx, t.Name); err != nil || n > 0 {
			return t.Name, err
		}
	}
	return "", nil
}
