//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// breakage is a way in which a disk fails.
type breakage struct {
	name           string
	writes, fsyncs bool // whether these fail with EIO
	torn           bool // a failing write leaves half of its bytes on the disk
	short          bool // writes accept half of their bytes, and say so: no failure
	// once: a single fsync fails, and what it should have written never gets to
	// the disk, although later ones succeed (as in Linux, "fsyncgate").
	once bool
}

// breakages are the ways in which a disk under torture fails.
var breakages = []breakage{
	{name: "both", writes: true, fsyncs: true},
	{name: "fsyncs", fsyncs: true},
	{name: "writes", writes: true},
	{name: "one fsync", fsyncs: true, once: true},
	{name: "torn writes", writes: true, torn: true},
	{name: "short writes", writes: true, short: true},
}

// flakyDisk is a filesystem over a folder that can be broken. It is safe for
// concurrent use.
type flakyDisk struct {
	at, below string
	server    *fuse.Server

	mu      sync.Mutex
	broken  *breakage // nil: it works
	left    int       // operations until it fails
	tripped chan struct{}
	memory  map[string]*memory // by file; nil if fsync never forgets
}

// newFlakyDisk mounts the filesystem.
func newFlakyDisk(folder string) (*flakyDisk, error) {
	d := &flakyDisk{at: folder, below: folder + "-below"}
	for _, name := range []string{d.at, d.below} {
		if err := os.MkdirAll(name, 0o700); err != nil {
			return nil, err
		}
	}
	root := &flakyNode{LoopbackNode: &fs.LoopbackNode{RootData: &fs.LoopbackRoot{Path: d.below}}, disk: d}
	server, err := fs.Mount(d.at, root, &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "flaky", Name: "flaky"}})
	d.server = server
	return d, err
}

func (d *flakyDisk) unmount() error {
	if err := d.server.Unmount(); err != nil {
		return syscall.Unmount(d.at, syscall.MNT_DETACH)
	}
	return nil
}

// damage breaks the disk at the nth operation from now of the kinds that fail.
// The channel is closed after the first failure.
func (d *flakyDisk) damage(b breakage, nth int) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken, d.left, d.tripped, d.memory = &b, nth, make(chan struct{}), nil
	if b.once {
		d.memory = map[string]*memory{}
	}
	return d.tripped
}

// heal makes the disk work again.
func (d *flakyDisk) heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = nil
}

// fails counts an operation and returns how it fails; nil: not at all. The caller holds mu.
func (d *flakyDisk) fails(name string, writing bool) *breakage {
	b := d.broken
	// The process's output goes to a file next to its folder.
	if b == nil || writing && !b.writes || !writing && !b.fsyncs || !strings.HasPrefix(name, "data/") {
		return nil
	}
	if d.left--; d.left > 0 {
		return nil
	}
	if d.left == 0 {
		close(d.tripped)
	}
	if b.once {
		d.broken = nil
	}
	return b
}

// of returns what is remembered about a file. The caller holds mu.
func (d *flakyDisk) of(name string) *memory {
	if d.memory == nil {
		return nil
	}
	if d.memory[name] == nil {
		d.memory[name] = &memory{}
	}
	return d.memory[name]
}

// forget removes from the disk below what a failed fsync has dropped, as the end
// of the page cache does. It returns how many bytes the fsync had dropped, and
// how many of them have not been written again since. No process may have the
// files open.
func (d *flakyDisk) forget() (dropped, forgotten int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, m := range d.memory {
		n, failed := m.restore(filepath.Join(d.below, name))
		dropped, forgotten, err = dropped+m.total, forgotten+n, errors.Join(err, failed)
	}
	d.memory = nil
	return dropped, forgotten, err
}

// flakyNode is a file or folder of a flakyDisk.
type flakyNode struct {
	*fs.LoopbackNode
	disk *flakyDisk
}

// WrapChild makes everything below flaky too.
func (n *flakyNode) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	return &flakyNode{LoopbackNode: ops.(*fs.LoopbackNode), disk: n.disk}
}

// Open opens a file whose writes can fail.
func (n *flakyNode) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	f, flags, failed := n.LoopbackNode.Open(ctx, flags)
	return n.disk.flaky(f, n.Path(n.Root())), flags, failed
}

// Create makes a file whose writes can fail.
func (n *flakyNode) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	i, f, flags, failed := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	return i, n.disk.flaky(f, filepath.Join(n.Path(n.Root()), name)), flags, failed
}

func (d *flakyDisk) flaky(f fs.FileHandle, name string) fs.FileHandle {
	if below, ok := f.(*fs.LoopbackFile); ok {
		return &flakyFile{LoopbackFile: below, disk: d, name: name}
	}
	return f
}

// flakyFile is an open file of a flakyDisk.
type flakyFile struct {
	*fs.LoopbackFile
	disk *flakyDisk
	name string // below the mount
}

// PassthroughFd keeps the kernel from writing to the file directly.
func (f *flakyFile) PassthroughFd() (int, bool) { return 0, false }

// Writev is Write for bytes in pieces.
func (f *flakyFile) Writev(ctx context.Context, pieces [][]byte, off int64) (uint32, syscall.Errno) {
	var all []byte
	for _, p := range pieces {
		all = append(all, p...)
	}
	return f.Write(ctx, all, off)
}

// Write writes, or fails as the disk presently does.
func (f *flakyFile) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	b := f.disk.fails(f.name, true)
	if b != nil && !b.torn && !b.short {
		return 0, syscall.EIO
	}
	if b != nil {
		data = data[:(len(data)+1)/2]
	}
	if m := f.disk.of(f.name); m != nil {
		if err := m.written(filepath.Join(f.disk.below, f.name), off, len(data)); err != nil {
			return 0, syscall.EIO
		}
	}
	n, failed := f.LoopbackFile.Write(ctx, data, off)
	if b != nil && b.torn {
		return 0, syscall.EIO
	}
	return n, failed
}

// Fsync flushes, or fails as the disk presently does.
func (f *flakyFile) Fsync(ctx context.Context, flags uint32) syscall.Errno {
	f.disk.mu.Lock()
	b, m := f.disk.fails(f.name, false), f.disk.of(f.name)
	if m != nil {
		m.flushed(b == nil)
	}
	f.disk.mu.Unlock()
	if b != nil {
		return syscall.EIO
	}
	return f.LoopbackFile.Fsync(ctx, flags)
}
