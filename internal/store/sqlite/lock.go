//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrLocked: another process has the database open.
var ErrLocked = errors.New("another process uses this database")

// lockFile makes sure that one process at a time opens a database. The lock is
// on a file beside it: closing any descriptor of the database itself would
// drop the locks that SQLite holds on it. It ends with the process.
func lockFile(database string) (*os.File, error) {
	path := database + ".lock"
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w", database, ErrLocked)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}
