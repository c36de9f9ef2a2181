package simulator

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"nems/internal/store"
	"nems/internal/store/sqlite"
)

// databaseName is the name of the file.
const databaseName = "nems.db"

// open opens the SQLite store for a node; for nil, so that it can be read while
// nothing fails.
func (d *drive) open(n *node) (*sqlite.DB, error) {
	d.use(n)
	began := d.sim.began
	o := store.Options{
		Now: time.Now,
		// Time that passes is beyond doubt, however a machine's clock is set.
		Settled: time.Now, Steady: func() time.Duration { return time.Since(began) },
		Queue: 6,
		// The node has it keep house, and nothing is recorded that waits for a commit.
		Housekeeping: 1000 * time.Hour, AuditDelay: 1000 * time.Hour,
	}
	if n != nil {
		o.Now = n.machine.now
		if d.sim.Bug == LeasesByClock {
			o.Steady = func() time.Duration { return n.machine.now().Sub(began) }
		}
	}
	return sqlite.Open(filepath.Join(d.folder, databaseName), o)
}

// format puts a database with the mailboxes on the drive.
func (d *drive) format() error {
	empty, err := formatted()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.folder, databaseName), empty, 0o600)
}

// formatted is a database that holds the mailboxes and nothing else. Made once:
// bringing an empty one up to date takes longer than a run.
var formatted = sync.OnceValues(func() (file []byte, err error) {
	folder, err := os.MkdirTemp(memory(), "simulated-nems-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	path := filepath.Join(folder, databaseName)
	if err := putBoxes(path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func putBoxes(path string) (err error) {
	// No later than any run: positions only rise.
	db, err := sqlite.Open(path, store.Options{Now: func() time.Time { return time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC) }})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { err = errors.Join(err, db.Run(ctx)) })
	var failed error
	for _, b := range boxes {
		row, err := db.PutMailbox(ctx, b.Mailbox)
		if err == nil && row != b.Row {
			err = errors.New("a mailbox is filed elsewhere than expected")
		}
		failed = errors.Join(failed, err)
	}
	stop()
	running.Wait()
	return errors.Join(err, failed, db.Close())
}
