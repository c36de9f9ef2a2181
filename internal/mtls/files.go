package mtls

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// refresh is how often files are checked for new content: a revocation is in
// force within this time.
const refresh = 500 * time.Millisecond

// mostRegular is the size limit of a file of certificates, keys or revocation lists, in bytes.
const mostRegular = 64 << 20

// readRegular reads a regular file. It refuses others (a FIFO, a device), because
// reading them could take for ever and delay the stop. Opening a FIFO could too, so
// the file is opened without waiting, and its kind is checked after that.
func readRegular(path string) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: expected a regular file", path)
	}
	content, err := io.ReadAll(io.LimitReader(file, mostRegular+1))
	if len(content) > mostRegular {
		return nil, fmt.Errorf("%s: expected %d bytes at most; it has more", path, mostRegular)
	}
	return content, err
}

// stamp distinguishes the states of a file without reading it.
type stamp struct {
	changed time.Time
	size    int64
}

// stampOf returns the stamp of a file; that of a missing file is zero.
func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}

// watched is a file that is read again when it changes. It is used by one
// goroutine at a time.
type watched struct {
	path    string
	stamp   stamp
	content []byte
}

// read returns the content, and whether it has changed since the last call. An
// empty path stands for an empty file that never changes. If the file cannot be
// read, nothing changes.
func (w *watched) read() (content []byte, changed bool, err error) {
	if w.path == "" {
		return nil, false, nil
	}
	s := stampOf(w.path)
	if s == w.stamp && s != (stamp{}) {
		return w.content, false, nil
	}
	content, err = readRegular(w.path)
	if err != nil {
		return w.content, false, err
	}
	w.stamp = s
	changed = !bytes.Equal(content, w.content)
	w.content = content
	return content, changed, nil
}
