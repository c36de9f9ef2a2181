//go:build linux

package main

import (
	"errors"
	"io"
	"os"
)

// memory is what a file contained before the writes that no fsync has covered
// yet, and before those that a failed fsync dropped.
type memory struct {
	unsynced, dropped []before
	total             int // bytes ever dropped
}

// before is the earlier content of some bytes of a file. It is shorter than
// what was written if the file ended there.
type before struct {
	off  int64
	size int
	old  []byte
}

// written records bytes that are about to be overwritten.
func (m *memory) written(name string, off int64, size int) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	old := make([]byte, size)
	n, err := file.ReadAt(old, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	// If they are written again, the next fsync brings them to the disk.
	m.dropped = without(m.dropped, off, off+int64(size))
	m.unsynced = append(m.unsynced, before{off, size, old[:n]})
	return nil
}

// flushed records the end of an fsync.
func (m *memory) flushed(well bool) {
	if !well {
		for _, b := range m.unsynced {
			m.total += b.size
		}
		m.dropped = append(m.dropped, m.unsynced...)
	}
	m.unsynced = nil
}

// without removes the bytes [from, to) from what is remembered.
func without(all []before, from, to int64) []before {
	var out []before
	for _, b := range all {
		end := b.off + int64(b.size)
		if to <= b.off || end <= from {
			out = append(out, b)
			continue
		}
		if b.off < from {
			size := int(from - b.off)
			out = append(out, before{b.off, size, b.old[:min(size, len(b.old))]})
		}
		if to < end {
			cut := int(to - b.off)
			out = append(out, before{to, int(end - to), b.old[min(cut, len(b.old)):]})
		}
	}
	return out
}

// restore puts back what was dropped, the latest first. Bytes that were beyond
// the end of the file become zeros. It returns how many bytes it put back.
func (m *memory) restore(name string) (bytes int, err error) {
	if len(m.dropped) == 0 {
		return 0, nil
	}
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil // a log that was removed when it was no longer needed
	}
	if err != nil {
		return 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	for i := len(m.dropped) - 1; i >= 0; i-- {
		b := m.dropped[i]
		old := append(b.old[:len(b.old):len(b.old)], make([]byte, b.size-len(b.old))...)
		old = old[:max(0, min(int64(len(old)), info.Size()-b.off))]
		if _, err := file.WriteAt(old, b.off); err != nil {
			return bytes, err
		}
		bytes += len(old)
	}
	return bytes, nil
}
