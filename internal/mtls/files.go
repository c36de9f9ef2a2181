package mtls

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// refresh is how often files are looked at for new content: a revocation is in
// force within this time.
const refresh = 500 * time.Millisecond

// mostRegular bounds a file of certificates, keys or revocation lists, in bytes.
const mostRegular = 64 << 20

// readRegular reads a file. What is none (a FIFO, a device) is refused: to read it
// could take for ever, and hold up the stop. So could opening a FIFO, which is why it
// is opened without waiting, and looked at only then.
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

// stamp tells one state of a file from another without reading it.
type stamp struct {
	changed time.Time
	size    int64
}

// stampOf returns the stamp of a file; that of a missing one is zero.
func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}

// watched is a file that is read again when it changes. Used by one goroutine
// at a time.
type watched struct {
	path    string
	stamp   stamp
	content []byte
}

// read returns the content and whether it is another than at the last call. No
// path is an empty file that never changes. A file that cannot be read leaves
// everything as it was.
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
