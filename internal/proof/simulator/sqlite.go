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

// never is longer than any run.
const never = 1000 * time.Hour

// open opens the SQLite store for a node; for nil, so that it can be read while
// nothing fails.
func (d *drive) open(n *simNode) (*sqlite.DB, error) {
	d.use(n)
	began := d.sim.began
	o := store.Options{
		Now: time.Now,
		// The passing of time is certain, however a machine's clock is set.
		Settled: time.Now, Steady: func() time.Duration { return time.Since(began) },
		Queue: 6,
		// The node starts the housekeeping, and nothing is recorded that waits for a commit.
		Housekeeping: never, AuditDelay: never,
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
	empty, err := ours()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.folder, databaseName), empty, 0o600)
}

// ours and theirs are databases that contain only the mailboxes of a node, or of
// the far MESH. They are made once, because bringing an empty database up to date
// takes longer than a run.
var (
	ours = sync.OnceValues(func() ([]byte, error) {
		var all []store.Mailbox
		for _, b := range boxes {
			all = append(all, b.Mailbox)
		}
		return formatted(all)
	})
	theirs = sync.OnceValues(func() ([]byte, error) {
		all := []store.Mailbox{{Row: 1, ID: ourMailbox, Password: "password", ODS: "X26"}}
		for _, b := range boxes {
			if b.Remote {
				all = append(all, store.Mailbox{Row: int64(len(all) + 1), ID: b.ID, Password: "password", ODS: b.ODS})
			}
		}
		return formatted(all)
	})
)

func formatted(all []store.Mailbox) (file []byte, err error) {
	folder, err := os.MkdirTemp(memory(), "simulated-nems-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	path := filepath.Join(folder, databaseName)
	if err := putBoxes(path, all); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// openTheirs opens and runs the store of the far MESH. remove ends it.
func openTheirs() (db *sqlite.DB, remove func() error, err error) {
	empty, err := theirs()
	if err != nil {
		return nil, nil, err
	}
	folder, err := os.MkdirTemp(memory(), "simulated-mesh-")
	if err != nil {
		return nil, nil, err
	}
	path := filepath.Join(folder, databaseName)
	err = os.WriteFile(path, empty, 0o600)
	if err == nil {
		db, err = sqlite.Open(path, store.Options{Now: time.Now, Housekeeping: never, AuditDelay: never})
	}
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(folder))
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- db.Run(ctx) }()
	return db, func() error {
		stop()
		return errors.Join(<-ended, db.Close(), os.RemoveAll(folder))
	}, nil
}

func putBoxes(path string, all []store.Mailbox) (err error) {
	// Earlier than any run, because positions only rise.
	db, err := sqlite.Open(path, store.Options{Now: func() time.Time { return time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC) }})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { err = errors.Join(err, db.Run(ctx)) })
	var failed error
	for _, b := range all {
		row, err := db.PutMailbox(ctx, b)
		if err == nil && row != b.Row {
			err = errors.New("a mailbox is filed elsewhere than expected")
		}
		failed = errors.Join(failed, err)
	}
	stop()
	running.Wait()
	return errors.Join(err, failed, db.Close())
}
