// Package postgres keeps everything in a PostgreSQL database that several equal
// nodes share: the store of a NEMS that has outgrown one machine.
//
// Changes that the audit tells of go through group committers: what waits when
// a commit ends shares the next, in few round trips. Whatever a node remembers
// is either bound to its own commits or read again within a second; matching
// always asks the database.
package postgres

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/store/ledger"
)

// Options configure a DB. The zero value of each field means its default.
type Options struct {
	store.Options
	// LeaseClock is the clock of leases; default: the database's, which all
	// nodes share.
	LeaseClock func() time.Time
	// Migrate brings an older schema up to date; without it Open refuses one.
	Migrate bool
}

// Bounds of one transaction of publishes.
const (
	batchMembers = 128
	batchBytes   = 8 << 20
)

// DB is an open store. Safe for concurrent use. Changes wait until Run runs.
type DB struct {
	ledger.Ledger
	opts     Options
	owner    string // tells this start of the node from all others
	servers  *servers
	pool     *pgxpool.Pool
	viewers  *pgxpool.Pool // for what people look at, see view
	writer   *writer
	matcher  *store.Committer[*accept, struct{}]              // of what goes to the writer next
	acks     *store.Committer[acknowledgement, nhs.NHSNumber] // answers with the patient of a copy
	nonces   *store.Committer[nonce, bool]
	together group // changes that share transactions

	positions positions
	moments   store.Moments
	skew      atomic.Int64 // of this node's clock, where it is far off the database's: nanoseconds
	days      days
	known     known
	records   store.Records
	quotas    store.QuotaGuard
	folded    atomic.Int64 // microseconds: when foldUses did its work
	spread    chan struct{}
	crowds    chan struct{} // holds an element while an event is matched on its own
	closed    atomic.Bool

	auditSettling auditSettling
}

// Open connects to the database of dsn, a URL or a keyword string as libpq
// takes it. It returns store.ErrSchema for a schema that is newer than this
// program, older (unless Options.Migrate), or another program's; the error
// never holds the password.
func Open(ctx context.Context, dsn string, o Options) (*DB, error) {
	o.Options = o.WithDefaults()
	db := &DB{opts: o, owner: uuid.NewString(), spread: make(chan struct{}, 1), crowds: make(chan struct{}, 1)}
	db.quotas.Quotas = o.Quotas
	db.Ledger = ledger.New(engine{db}, &db.opts.Options, &db.records, &db.quotas)
	if err := db.open(ctx, dsn); err != nil {
		_ = db.Close() // nothing to lose yet
		return nil, fmt.Errorf("PostgreSQL: %w", err)
	}
	return db, nil
}

func (db *DB) open(ctx context.Context, dsn string) (err error) {
	if db.servers, err = newServers(dsn, db.opts.Log, db.forget); err != nil {
		return err
	}
	if err := db.servers.check(ctx); err != nil {
		return err
	}
	if err := prepareSchema(ctx, dsn, db.opts.Migrate); err != nil {
		return err
	}
	if db.pool, err = db.servers.pool(ctx); err != nil {
		return err
	}
	if db.viewers, err = db.servers.viewers(ctx); err != nil {
		return err
	}
	if err := db.positions.seed(ctx, db); err != nil {
		return err
	}
	if err := db.watchClock(ctx); err != nil {
		return err
	}
	db.writer = &writer{db: db}
	db.writer.committer = store.NewCommitter(store.Limits[task]{
		Queue: db.opts.Queue, Batch: batchMembers, Weight: weight,
		QueueBytes: db.opts.QueueBytes, BatchBytes: batchBytes,
	}, db.writer.commit)
	db.matcher = store.NewCommitter(store.Limits[*accept]{
		Queue: db.opts.Queue, Batch: batchMembers, Weight: func(a *accept) int { return weight(task{publish: a}) },
		QueueBytes: db.opts.QueueBytes, BatchBytes: batchBytes,
	}, db.matchAll)
	db.acks = store.NewCommitter(store.Limits[acknowledgement]{Queue: db.opts.Queue, Batch: 256}, db.acknowledgeAll)
	db.nonces = store.NewCommitter(store.Limits[nonce]{Queue: db.opts.Queue, Batch: 512}, db.useNonces)
	return nil
}

// forget forgets what is remembered of the database: another server has taken
// over, which may lack what the one before had confirmed.
func (db *DB) forget() {
	db.known.reset()
	db.days.made.Clear()
	db.auditSettling.reset()
}

// Run is database.Process'.
func (db *DB) Run(ctx context.Context) error {
	// What the workers hand in on their way out must still be committed.
	committing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var committers, workers sync.WaitGroup
	committers.Go(func() { db.matcher.Run(committing) })
	committers.Go(func() { db.writer.committer.Run(committing) })
	committers.Go(func() { db.acks.Run(committing) })
	committers.Go(func() { db.nonces.Run(committing) })
	workers.Go(func() { db.spreadLoop(ctx) })
	workers.Go(func() { db.housekeepLoop(ctx) })
	workers.Go(func() { db.KeepRecording(ctx) })
	workers.Go(func() { db.KeepRefusals(ctx) })
	workers.Go(func() { db.positions.renewLoop(ctx, db) })
	workers.Wait()
	stop()
	committers.Wait()
	return nil
}

// Close is database.Process'. It ends the connections.
func (db *DB) Close() error {
	if db.closed.Swap(true) {
		return nil
	}
	var err error
	if db.pool != nil {
		ctx, cancel := context.WithTimeout(context.Background(), statementWait)
		defer cancel()
		db.positions.release(ctx, db) // otherwise the leases lapse
		db.resign(ctx)
		db.pool.Close()
	}
	if db.viewers != nil {
		db.viewers.Close()
	}
	if db.writer != nil {
		err = db.writer.disconnect()
	}
	return err
}

// Stats is database.Process'.
func (db *DB) Stats() store.CommitterStats { return db.writer.committer.Stats() }

// submit hands in an operation and waits for its commit.
func (db *DB) submit(ctx context.Context, op operation) (result, error) {
	return db.writer.committer.Submit(ctx, task{change: op})
}
