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

// drive is the disk below the SQLite store: a folder whose files SQLite really
// reads and writes (vfs.go). It records what has been written since the last sync,
// which a power cut may remove. It makes commits slow or fail. After the node on it
// has crashed, nothing more is written to it.
type drive struct {
	sim    *simulation
	folder string

	mu     sync.Mutex
	node   *simNode // which runs on it; nil while nothing is to fail
	images []*image
	dead   bool // the node has crashed
	full   bool
	fate   fate // fate of the commit whose first bytes have been written
	fated  bool
	failed bool // something failed since the node began to start
}

// image is what a drive records about a file.
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

// memory returns a folder for files that need not outlive the run. It is in
// memory if the system has such a folder, because the drive decides what a crash
// leaves.
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

// image returns what is recorded about a file.
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

// hasFailed reports whether a node that did not start had a reason.
func (d *drive) hasFailed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// fill makes the drive full, or gives its space back.
func (d *drive) fill(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

// write records what is about to be written, or refuses it. At the first write
// after a sync it draws the fate of the commit.
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

// settle marks what was written to a file as safe.
func (d *drive) settle(i *image) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i.unsynced = nil
}

// sync makes what was written safe, and takes the time of the commit that it belongs to.
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

// loss is the part of the unsynced writes that a crash removes.
type loss int

const (
	losesNothing loss = iota // the process was killed, the machine continues
	losesAll                 // the power was cut before anything reached the disk by itself
	losesSome                // some writes had reached it, in any order, but not the last
	losses
)

// cut ends the node's use of the drive and removes what is lost. chance decides
// about each write.
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
