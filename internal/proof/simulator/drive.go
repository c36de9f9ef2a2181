package simulator

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"

	sqlite3 "modernc.org/sqlite/lib"
)

// drive is the disk below the SQLite store: a folder whose files SQLite reads and
// writes in earnest (vfs.go). It knows what has been written since the last sync,
// which is what a power cut may take; it lets commits be slow or fail; and once the
// node on it has crashed, nothing more reaches it.
type drive struct {
	sim    *simulation
	folder string

	mu     sync.Mutex
	node   *simNode // which runs on it; nil while nothing is to fail
	images []*image
	dead   bool // the node has crashed
	full   bool
	fate   fate // of the commit whose first bytes have been written
	fated  bool
	failed bool // something failed since the node began to start
}

// image is what a drive knows of a file.
type image struct {
	name string
	// unsynced are the writes since the last sync, in their order.
	unsynced []written
}

// written is one write, and how to undo it.
type written struct {
	offset, size int64 // size of the file before it
	before, data []byte
}

// newDrive makes a drive with the files of a folder that is removed with it.
func newDrive(sim *simulation) (*drive, error) {
	if err := install(); err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(memory(), "simulated-nems-")
	if err != nil {
		return nil, err
	}
	d := &drive{sim: sim, folder: folder}
	drives.Store(folder, d)
	return d, nil
}

// memory is a folder for files that need not outlive the run: in memory where the
// system has such a one. What a crash would leave is up to the drive anyway.
func memory() string {
	const shared = "/dev/shm"
	if info, err := os.Stat(shared); err == nil && info.IsDir() {
		return shared
	}
	return ""
}

func (d *drive) remove() error {
	drives.Delete(d.folder)
	return os.RemoveAll(d.folder)
}

// image finds what is known of a file.
func (d *drive) image(name string) *image {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.images, func(i *image) bool { return i.name == name })
	if i < 0 {
		i, d.images = len(d.images), append(d.images, &image{name: name})
	}
	return d.images[i]
}

// use has a node run on the drive from now on.
func (d *drive) use(n *simNode) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.node, d.dead, d.fated, d.failed = n, false, false, false
}

func (d *drive) isDead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// hasFailed tells whether a node that did not start had a reason.
func (d *drive) hasFailed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// fill takes all room, or gives it back.
func (d *drive) fill(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

// write notes what is about to be written, or refuses it. With the first write
// after a sync it is drawn how the commit goes.
func (d *drive) write(i *image, w written) int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return sqlite3.SQLITE_IOERR_WRITE
	}
	if d.node != nil && !d.fated {
		d.fate, d.fated = d.node.fate(), true
	}
	rc := int32(sqlite3.SQLITE_OK)
	switch {
	case d.full, d.fated && d.fate == full:
		rc = sqlite3.SQLITE_FULL
	case d.fated && d.fate == broken:
		rc = sqlite3.SQLITE_IOERR_WRITE
	default:
		i.unsynced = append(i.unsynced, w)
		return rc
	}
	d.fated, d.failed = false, true
	return rc
}

// settle takes what was written to a file for safe.
func (d *drive) settle(i *image) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i.unsynced = nil
}

// sync makes what was written safe, in the time of the commit that it belongs to.
func (d *drive) sync(i *image) int32 {
	n, fate := d.finish()
	if n != nil {
		n.reachDisk()
	}
	if fate == crashesBefore {
		n.crash(n.commits)
	}
	switch {
	case d.isDead():
		return sqlite3.SQLITE_IOERR_FSYNC
	case fate == unanswered:
		n.commits.log("a sync fails")
		return sqlite3.SQLITE_IOERR_FSYNC
	case d.sim.Bug != ForgetsSync:
		d.settle(i)
	}
	if n != nil {
		n.commits.log("reaches the disk")
	}
	if fate == crashesAfter {
		n.crash(n.commits)
		return sqlite3.SQLITE_IOERR_FSYNC
	}
	return sqlite3.SQLITE_OK
}

// finish returns whose commit is under way and how it goes; nil where there is
// none, or nobody left to wait for it.
func (d *drive) finish() (*simNode, fate) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, fate, fated := d.node, d.fate, d.fated
	d.fated = false
	if n == nil || !fated || d.dead {
		return nil, works
	}
	d.failed = d.failed || fate == unanswered
	return n, fate
}

// loss is what a crash takes of what was written and not synced.
type loss int

const (
	losesNothing loss = iota // the process was killed, the machine goes on
	losesAll                 // the power was cut, and nothing had reached the disk by itself
	losesSome                // some of it had, in whatever order, the last write not
	losses
)

// cut ends the node's use of the drive, and takes from it what is lost. chance
// decides about each write.
func (d *drive) cut(what loss, chance *rand.Rand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead, d.failed = true, true
	for _, i := range d.images {
		if err := i.lose(d.folder, what, chance); err != nil {
			d.sim.book.wrong("the files of the drive cannot be written: %v", err)
		}
	}
}

func (i *image) lose(folder string, what loss, chance *rand.Rand) (err error) {
	if what == losesNothing || len(i.unsynced) == 0 {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(folder, i.name), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for _, w := range slices.Backward(i.unsynced) {
		if _, err := f.WriteAt(w.before, w.offset); err != nil {
			return err
		}
		if err := f.Truncate(w.size); err != nil {
			return err
		}
	}
	for _, w := range i.unsynced[:len(i.unsynced)-1] {
		kept := len(w.data)
		switch {
		case what == losesAll || chance.IntN(2) == 0:
			continue
		case chance.IntN(8) == 0: // torn between sectors
			kept = chance.IntN(1+len(w.data)/512) * 512
		}
		if _, err := f.WriteAt(w.data[:kept], w.offset); err != nil {
			return err
		}
	}
	i.unsynced = nil
	return nil
}
