package simulator

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// SQLite reaches its files through a VFS. The VFS here is SQLite's own, except
// for the operations that a drive must observe and may make fail: opening,
// writing, truncating, syncing and deleting. It is the default of this process,
// so that the store is opened as usual. It does not affect files that are not on
// a drive.

var (
	own    sqlite3.Tsqlite3_vfs // SQLite's
	drives sync.Map             // of *drive, by its folder
	files  sync.Map             // of *file, by the address of SQLite's structure
	tables sync.Map             // of *sqlite3.Tsqlite3_io_methods, by the address of the table it replaces
)

// file is a file on a drive that SQLite has open.
type file struct {
	drive *drive
	image *image
	own   sqlite3.Tsqlite3_io_methods
}

// install makes the VFS SQLite's default.
var install = sync.OnceValue(func() error {
	tls := libc.NewTLS()
	defer tls.Close()
	if rc := sqlite3.Xsqlite3_initialize(tls); rc != sqlite3.SQLITE_OK {
		return fmt.Errorf("SQLite does not start: %d", rc)
	}
	name, err := libc.CString("simulator")
	if err != nil {
		return err
	}
	own = *at[sqlite3.Tsqlite3_vfs](sqlite3.Xsqlite3_vfs_find(tls, 0))
	v := lasting(tls, own)
	v.FpNext, v.FzName = 0, name
	v.FxOpen, v.FxDelete = address(openFile), address(deleteFile)
	if rc := sqlite3.Xsqlite3_vfs_register(tls, uintptr(unsafe.Pointer(v)), 1); rc != sqlite3.SQLITE_OK {
		return fmt.Errorf("SQLite takes no VFS: %d", rc)
	}
	return nil
})

// at returns what is at an address that C uses.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

// lasting copies a structure to memory that C may refer to for ever.
func lasting[T any](tls *libc.TLS, v T) *T {
	p := at[T](sqlite3.Xsqlite3_malloc64(tls, uint64(unsafe.Sizeof(v))))
	*p = v
	return p
}

// address returns the address by which C calls a function. f must not be a closure.
func address[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&struct{ f F }{f})) }

// function is the inverse of address.
func function[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&struct{ p uintptr }{p})) }

// driveOf returns the drive that a file is on; nil for other files.
func driveOf(name uintptr) (*drive, string) {
	if name == 0 {
		return nil, ""
	}
	path := libc.GoString(name)
	d, _ := drives.Load(filepath.Dir(path))
	found, _ := d.(*drive)
	return found, filepath.Base(path)
}

func openFile(tls *libc.TLS, vfs, name, p uintptr, flags int32, out uintptr) int32 {
	d, base := driveOf(name)
	if d != nil && d.isDead() {
		return sqlite3.SQLITE_CANTOPEN
	}
	open := function[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](own.FxOpen)
	rc := open(tls, vfs, name, p, flags, out)
	if rc != sqlite3.SQLITE_OK || d == nil {
		return rc
	}
	table := &at[sqlite3.Tsqlite3_file](p).FpMethods
	f := &file{drive: d, image: d.image(base), own: *at[sqlite3.Tsqlite3_io_methods](*table)}
	files.Store(p, f)
	*table = replaced(tls, *table, f.own)
	return rc
}

// replaced returns the address of a table of methods that call this package first.
func replaced(tls *libc.TLS, table uintptr, methods sqlite3.Tsqlite3_io_methods) uintptr {
	if known, ok := tables.Load(table); ok {
		return uintptr(unsafe.Pointer(known.(*sqlite3.Tsqlite3_io_methods))) //nolint:forcetypeassert // it holds nothing else
	}
	methods.FxClose, methods.FxWrite = address(closeFile), address(writeFile)
	methods.FxTruncate, methods.FxSync = address(truncateFile), address(syncFile)
	known, _ := tables.LoadOrStore(table, lasting(tls, methods))
	return uintptr(unsafe.Pointer(known.(*sqlite3.Tsqlite3_io_methods))) //nolint:forcetypeassert // see above
}

func fileAt(p uintptr) *file {
	f, _ := files.Load(p)
	return f.(*file) //nolint:forcetypeassert // only files on drives have the table of methods
}

func closeFile(tls *libc.TLS, p uintptr) int32 {
	f := fileAt(p)
	files.Delete(p)
	return function[func(*libc.TLS, uintptr) int32](f.own.FxClose)(tls, p)
}

func writeFile(tls *libc.TLS, p, data uintptr, n int32, offset int64) int32 {
	f := fileAt(p)
	w, rc := f.replaces(tls, p, unsafe.Slice(at[byte](data), n), offset)
	if rc == sqlite3.SQLITE_OK {
		rc = f.drive.write(f.image, w)
	}
	if rc != sqlite3.SQLITE_OK {
		return rc
	}
	return function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](f.own.FxWrite)(tls, p, data, n, offset)
}

// replaces reads what a write is about to replace. C can only read into memory of
// its own.
func (f *file) replaces(tls *libc.TLS, p uintptr, data []byte, offset int64) (written, int32) {
	w := written{offset: offset, data: slices.Clone(data)}
	size := tls.Alloc(8)
	defer tls.Free(8)
	if rc := function[func(*libc.TLS, uintptr, uintptr) int32](f.own.FxFileSize)(tls, p, size); rc != sqlite3.SQLITE_OK {
		return w, rc
	}
	w.size = *at[int64](size)
	over := int(min(int64(len(data)), w.size-offset))
	if over <= 0 {
		return w, sqlite3.SQLITE_OK
	}
	before := tls.Alloc(over)
	defer tls.Free(over)
	read := function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](f.own.FxRead)
	rc := read(tls, p, before, int32(over), offset)
	w.before = slices.Clone(unsafe.Slice(at[byte](before), over))
	return w, rc
}

func truncateFile(tls *libc.TLS, p uintptr, size int64) int32 {
	f := fileAt(p)
	if f.drive.isDead() {
		return sqlite3.SQLITE_IOERR_TRUNCATE
	}
	f.drive.settle(f.image)
	return function[func(*libc.TLS, uintptr, int64) int32](f.own.FxTruncate)(tls, p, size)
}

// syncFile does not sync the real disk, because the drive decides what a sync guarantees.
func syncFile(_ *libc.TLS, p uintptr, _ int32) int32 {
	f := fileAt(p)
	return f.drive.sync(f.image)
}

func deleteFile(tls *libc.TLS, vfs, name uintptr, syncs int32) int32 {
	if d, base := driveOf(name); d != nil {
		if d.isDead() {
			return sqlite3.SQLITE_IOERR_DELETE
		}
		d.settle(d.image(base))
	}
	return function[func(*libc.TLS, uintptr, uintptr, int32) int32](own.FxDelete)(tls, vfs, name, syncs)
}
