//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ErrLocked: another process has the database open.
var ErrLocked = errors.New("another process uses this database")

// lockFile makes sure that one process at a time opens a database, whatever the
// path to it is spelt like. The lock is on a file beside it: closing any
// descriptor of the database itself would drop the locks that SQLite holds on it.
// It ends with the process.
func lockFile(database string) (*os.File, error) {
	real, err := realPath(database)
	if err != nil {
		return nil, err
	}
	path := real + ".lock"
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

// realPath is where a database lies, links followed. A file with several names
// (hard links) is refused: SQLite would keep a log beside each of them, and each
// would undo what the other says.
func realPath(database string) (string, error) {
	folder, err := filepath.EvalSymlinks(filepath.Dir(database))
	if err != nil {
		return "", err
	}
	real := filepath.Join(folder, filepath.Base(database))
	info, err := os.Lstat(real)
	if errors.Is(err, os.ErrNotExist) {
		return real, nil
	}
	if err == nil && info.Mode()&os.ModeSymlink != 0 {
		if real, err = filepath.EvalSymlinks(real); err == nil {
			info, err = os.Lstat(real)
		}
	}
	if err != nil {
		return "", err
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && info.Mode().IsRegular() && s.Nlink > 1 {
		return "", fmt.Errorf("%s: %w", database, errHardLinks)
	}
	return real, nil
}

var errHardLinks = errors.New("the file has several names (hard links), and a database has one")
