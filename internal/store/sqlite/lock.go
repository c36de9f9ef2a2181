//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// ErrLocked: another process has the database open.
var ErrLocked = errors.New("another process uses this database")

// lock is what keeps other processes from a database: a lock on the file itself,
// which holds whatever other names lead to it (bind mounts), and one on a file
// beside it. It ends with the process.
//
// Closing any descriptor of the database drops the locks that SQLite holds on it
// in this process (POSIX). So the file beside it is asked first, and the descriptor
// of the database, opened before SQLite's, is closed after them.
type lock struct {
	beside   *os.File
	database int
}

// lockFile makes sure that one process at a time opens a database, whatever the
// path to it is spelt like. The database is made, empty, where it is missing.
func lockFile(database string) (*lock, error) {
	real, err := realPath(database)
	if err != nil {
		return nil, err
	}
	beside, err := os.OpenFile(real+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := tryLock(int(beside.Fd()), database); err != nil {
		return nil, errors.Join(whoHas(err, beside), beside.Close())
	}
	fd, err := syscall.Open(real, syscall.O_RDWR|syscall.O_CREAT|syscall.O_CLOEXEC, fileMode)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("unable to open %s: %w", real, err), beside.Close())
	}
	if err := tryLock(fd, database); err != nil {
		// The descriptor stays open: who has the lock may be in this process.
		return nil, errors.Join(err, beside.Close())
	}
	// For whoever finds the database locked: nothing depends on it.
	if beside.Truncate(0) == nil {
		_, _ = beside.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0)
	}
	return &lock{beside, fd}, nil
}

// whoHas adds the number of the process that has the lock, which it has written.
func whoHas(err error, beside *os.File) error {
	b := make([]byte, 20)
	n, _ := beside.ReadAt(b, 0)
	if pid, wrong := strconv.Atoi(string(b[:n])); wrong == nil && errors.Is(err, ErrLocked) {
		return fmt.Errorf("%w (process %d)", err, pid)
	}
	return err
}

// tryLock takes flock(2)'s lock, of which SQLite takes no notice.
func tryLock(fd int, database string) error {
	err := syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%s: %w", database, ErrLocked)
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", database, err)
	}
	return nil
}

// Close lets others in. All of SQLite's connections must be closed.
func (l *lock) Close() error { return errors.Join(syscall.Close(l.database), l.beside.Close()) }

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
