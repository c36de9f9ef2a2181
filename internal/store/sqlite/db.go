// Package sqlite keeps everything in files beside each other: the main
// database, directory.db and the folder nonces. It is the store of a NEMS that runs as
// one process: a file lock keeps a second one away.
//
// One connection writes. It is fed by a group committer with the closed set of
// operations in this package: what waits when a commit ends shares the next.
// Reads go through a pool and see what is committed.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/store/ledger"
)

// Options configure a DB.
type Options = store.Options

// Memory and batches. With them a program with a million subscriptions stays
// far below 300 MB.
const (
	writerCacheKiB = 32 << 10
	readerCacheKiB = 4 << 10
	readers        = 4
	viewers        = 2
	batchMembers   = 128
	batchBytes     = 8 << 20
)

// DB is an open store. Safe for concurrent use. Changes wait until Run runs.
type DB struct {
	ledger.Ledger
	opts      Options
	path      string
	lock      io.Closer
	writer    *writer
	committer *store.Committer[operation, result]
	readers   *pool
	viewers   *pool // for what people look at, see view
	nonces    *nonces
	last      atomic.Int64 // the largest position handed out
	leaseNow  func() time.Time
	moments   clockShifts
	spread    chan struct{}
	crowds    chan struct{} // holds an element while an event is matched outside the writer
	records   store.Records
	sweep     sweep
	events    eventCount
	known     known
	quotas    store.QuotaGuard
}

// Open opens the database at path, making it if it is missing, and brings its
// schema up to date. It returns ErrLocked while another process has it open,
// and store.ErrSchema for a file that is not this program's or is newer.
// The folder nonces lies beside it.
func Open(path string, o Options) (*DB, error) {
	lock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	db := &DB{opts: o.WithDefaults(), path: path, lock: lock, spread: make(chan struct{}, 1), crowds: make(chan struct{}, 1)}
	db.quotas.Quotas, db.leaseNow = db.opts.Quotas, leaseClock(db.opts)
	db.Ledger = ledger.New(engine{db}, &db.opts, &db.records, &db.quotas)
	if err := db.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), db.Close())
	}
	return db, nil
}

func (db *DB) open() error {
	conn, err := openWriter(db.path, mainAppID, "FULL", writerCacheKiB)
	if err != nil {
		return err
	}
	db.writer = &writer{db: db, conn: conn}
	if err := migrate(conn, mainAppID, mainMigrations); err != nil {
		return err
	}
	if err := db.seed(conn); err != nil {
		return err
	}
	if err := db.events.load(conn); err != nil {
		return err
	}
	// The file lock says that who claimed them is gone: nobody need wait for the
	// leases to lapse.
	if err := exec(conn, "UPDATE lane SET expires = 0 WHERE owner <> ''"); err != nil {
		return err
	}
	if err := db.writer.load(); err != nil {
		return err
	}
	if db.readers, err = openPool(db.path, readers, readerCacheKiB); err != nil {
		return err
	}
	if db.viewers, err = openPool(db.path, viewers, readerCacheKiB); err != nil {
		return err
	}
	db.committer = store.NewCommitter(store.Limits[operation]{
		Queue: db.opts.Queue, Batch: batchMembers, Weight: weight,
		QueueBytes: db.opts.QueueBytes, BatchBytes: batchBytes,
	}, db.writer.commit)
	db.nonces, err = openNonces(filepath.Join(filepath.Dir(db.path), "nonces"), db.opts)
	return err
}

// seed finds the largest position there is, so that new ones are larger even
// if the clock was set back while the program was down.
func (db *DB) seed(conn *sqlite.Conn) error {
	last, err := number(conn, `SELECT max(
		ifnull((SELECT max(id) FROM event), 0),
		ifnull((SELECT max(position) FROM message), 0),
		ifnull((SELECT max(generation) FROM upload), 0),
		ifnull((SELECT max(id) FROM audit_link), 0))`)
	db.last.Store(last)
	return errors.Join(err, db.moments.read(conn))
}

// Run is database.Process'.
func (db *DB) Run(ctx context.Context) error {
	var all sync.WaitGroup
	// What the workers hand in on their way out must still be committed.
	committing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var committers sync.WaitGroup
	committers.Go(func() { db.committer.Run(committing) })
	committers.Go(func() { db.nonces.run(committing) })
	all.Go(func() { db.spreadLoop(ctx) })
	all.Go(func() { db.housekeepLoop(ctx) })
	all.Go(func() { db.KeepRecording(ctx) })
	all.Go(func() { db.KeepRefusals(ctx) })
	all.Wait()
	stop()
	committers.Wait()
	return nil
}

// Close is database.Process'. It closes the files.
func (db *DB) Close() error {
	var err error
	if db.readers != nil {
		err = db.readers.close()
	}
	if db.viewers != nil {
		err = errors.Join(err, db.viewers.close())
	}
	if db.nonces != nil {
		err = errors.Join(err, db.nonces.close())
	}
	if db.writer != nil {
		err = errors.Join(err, db.writer.conn.Close())
	}
	// The lock goes last: until here the file is ours.
	return errors.Join(err, db.lock.Close())
}

// Stats is database.Process'.
func (db *DB) Stats() store.CommitterStats { return db.committer.Stats() }

// submit hands in an operation and waits for its commit.
func (db *DB) submit(ctx context.Context, op operation) (result, error) {
	return db.committer.Submit(ctx, op)
}

// seal prepares an audit entry for the committer.
func seal(e audit.Entry) audit.Sealed { return audit.Seal(e) }
