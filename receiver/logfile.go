package receiver

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// logFile is an append-only file that one process holds at a time.
type logFile struct {
	path    string
	file    *os.File
	lock    *os.File
	size    int64 // up to the end of the last whole record
	records int
	broken  error // set when the file may end within a record
}

// openLog opens or creates a file that only its owner may read.
func openLog(path string) (*logFile, error) {
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	l := &logFile{path: path, lock: lock}
	if err := l.open(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return l, nil
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.file, l.size = f, info.Size()
	return syncFolder(l.path)
}

// append writes one record. If durably is set, it returns when the record is on
// disk. After an error the file ends where it ended before, or it is not used
// any more.
func (l *logFile) append(data []byte, durably bool) error {
	if l.broken != nil {
		return l.broken
	}
	_, err := l.file.Write(data)
	if err == nil && durably {
		err = l.file.Sync()
	}
	if err != nil {
		// After a failed fsync the page cache does not tell what is on the disk.
		if cut := l.truncate(l.size); cut != nil {
			l.broken = errors.Join(err, cut)
		}
		return err
	}
	l.size += int64(len(data))
	l.records++
	return nil
}

func (l *logFile) truncate(size int64) error {
	if err := l.file.Truncate(size); err != nil {
		return err
	}
	l.size = size
	return l.file.Sync()
}

// rewrite replaces the file by what write produces. If we stop on the way, the
// old file or the new one is there.
func (l *logFile) rewrite(write func(io.Writer) (int, error)) error {
	next := l.path + ".new"
	records, err := writeNew(next, write)
	if err != nil {
		return errors.Join(err, os.Remove(next))
	}
	if err := l.file.Close(); err != nil { // Windows does not rename a file that is open
		return err
	}
	renamed := os.Rename(next, l.path)
	if err := errors.Join(renamed, l.open()); err != nil {
		l.broken = err
		return l.broken
	}
	l.records = records
	return nil
}

func writeNew(path string, write func(io.Writer) (int, error)) (int, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	records, err := write(f)
	if err == nil {
		err = f.Sync()
	}
	return records, errors.Join(err, f.Close())
}

func (l *logFile) close() error {
	return errors.Join(l.file.Close(), l.lock.Close())
}

// syncFolder makes a file's name as durable as its content. Windows does so by
// itself and has no call for it.
func syncFolder(file string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
