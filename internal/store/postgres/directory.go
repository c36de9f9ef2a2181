package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/internal/store"
)

const (
	// believedFor is how long what is remembered of the directory counts after the
	// database was asked what has changed: a change reaches every node within it.
	believedFor = time.Second
	// followEvery is how often Follow asks.
	followEvery = 400 * time.Millisecond
	// maxForgotten is how many changed patients are forgotten one by one.
	maxForgotten = 10000
	// rememberedPlaces is how many organisations, and how many postcodes, are remembered.
	rememberedPlaces = 200_000
)

// Directory is the directory that the nodes of a database share. A node remembers what
// it has looked up, and learns within a second what others have changed. Safe for
// concurrent use.
type Directory struct {
	db            *DB
	patients      *lookups[int64, person]
	organisations *lookups[nhs.ODSCode, directory.Organisation]
	postcodes     *lookups[string, directory.Places]

	asking sync.Mutex // one asks what has changed, the others wait for its answer

	mu          sync.RWMutex
	asked       time.Time // when it was asked last; zero before the first time
	generations map[directory.Kind]part
	mark        string           // the transaction from which changes of patients are to be asked for
	told        map[int64]string // changes from mark on that were told before
}

// part is what directory_part says.
type part struct{ generation, version int64 }

// Directory returns the directory of the database. It remembers that many patients.
// Close it before the database.
func (db *DB) Directory(patients int) *Directory {
	d := &Directory{db: db}
	d.patients = newLookups(patients, d.readPatients)
	d.organisations = newLookups(rememberedPlaces, d.readOrganisations)
	d.postcodes = newLookups(rememberedPlaces, d.readPostcodes)
	return d
}

// Close waits for what is being looked up.
func (d *Directory) Close() error {
	d.patients.work.Wait()
	d.organisations.work.Wait()
	d.postcodes.work.Wait()
	return nil
}

// Follow is database.Directory's. Without it every look-up would first ask what has
// changed, once a second.
func (d *Directory) Follow(ctx context.Context) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			_ = d.ask(ctx, time.Now()) // a look-up that needs the answer asks again, and reports
		}
	}
}

// current makes sure that what is remembered may be believed.
func (d *Directory) current(ctx context.Context) error {
	now := time.Now()
	d.mu.RLock()
	believed := now.Sub(d.asked) < believedFor
	d.mu.RUnlock()
	if believed {
		return nil
	}
	return d.ask(ctx, now)
}

// ask asks the database what has changed, unless somebody did so after since, and
// forgets it.
func (d *Directory) ask(ctx context.Context, since time.Time) error {
	d.asking.Lock()
	defer d.asking.Unlock()
	d.mu.RLock()
	asked, mark := d.asked, d.mark
	d.mu.RUnlock()
	if asked.After(since) {
		return nil
	}
	now := time.Now()
	var news news
	err := d.db.read(ctx, func(ctx context.Context, q querier) (err error) {
		news, err = readNews(ctx, q, mark)
		return err
	})
	if err != nil {
		return away(err)
	}
	d.take(now, news)
	return nil
}

// news is what has changed in the directory.
type news struct {
	mark     string // from where to ask the next time
	parts    map[directory.Kind]part
	patients map[int64]string // changed by events: number and transaction
}

// readNews reads it in one round trip. The transactions from mark on are those that had
// not ended when the mark was read, so that a late commit is not missed. Those from the
// future were brought along by a copy of another server's database.
func readNews(ctx context.Context, q querier, mark string) (news, error) {
	n := news{parts: map[directory.Kind]part{}, patients: map[int64]string{}}
	b := &pgx.Batch{}
	b.Queue("SELECT part, generation, version, pg_snapshot_xmin(pg_current_snapshot())::text FROM directory_part").Query(func(r pgx.Rows) error {
		var kind directory.Kind
		var p part
		_, err := pgx.ForEachRow(r, []any{&kind, &p.generation, &p.version, &n.mark}, func() error { n.parts[kind] = p; return nil })
		return err
	})
	if mark != "" {
		b.Queue(`SELECT key, since::text FROM directory_learnt
			WHERE since >= $1::text::xid8 AND since < pg_snapshot_xmax(pg_current_snapshot()) ORDER BY since LIMIT $2`, mark, maxForgotten+1).Query(func(r pgx.Rows) error {
			var key int64
			var since string
			_, err := pgx.ForEachRow(r, []any{&key, &since}, func() error { n.patients[key] = since; return nil })
			return err
		})
	}
	if err := q.SendBatch(ctx, b).Close(); err != nil {
		return n, err
	}
	if len(n.parts) < 3 {
		return n, errors.New("the table directory_part lacks a part: was it changed by hand?")
	}
	return n, nil
}

// take forgets what the news say has changed.
func (d *Directory) take(at time.Time, n news) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for kind, forget := range map[directory.Kind]func(){
		directory.KindPatients: d.patients.clear, directory.KindOrganisations: d.organisations.clear, directory.KindPostcodes: d.postcodes.clear,
	} {
		if d.generations[kind] != n.parts[kind] {
			forget()
		}
	}
	var changed []int64
	for key, since := range n.patients {
		if d.told[key] != since {
			changed = append(changed, key)
		}
	}
	switch {
	case d.mark == "" || len(n.patients) > maxForgotten:
		d.patients.clear()
	case len(changed) > 0:
		d.patients.forget(changed...)
	}
	d.asked, d.generations, d.mark, d.told = at, n.parts, n.mark, n.patients
}

// table is the table of a part as of now.
func (d *Directory) table(kind directory.Kind) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return tableOf(kind, d.generations[kind].generation)
}

func tableOf(kind directory.Kind, generation int64) string {
	return fmt.Sprintf("directory_%s_%d", kind, generation)
}

// readTables reads from tables of the directory. f makes its statement of their names,
// because they change: where one is gone, it runs again.
func (d *Directory) readTables(ctx context.Context, f func(ctx context.Context, q querier) error) error {
	err := d.current(ctx)
	if err != nil {
		return err
	}
	err = d.db.read(ctx, f)
	if isCode(err, undefinedTable) {
		if err := d.ask(ctx, time.Now()); err != nil {
			return err
		}
		err = d.db.read(ctx, f)
	}
	return away(err)
}

// SQLSTATEs.
const (
	undefinedTable  = "42P01"
	uniqueViolation = "23505"
)

func isCode(err error, codes ...string) bool {
	var answered *pgconn.PgError
	if errors.As(err, &answered) {
		return slices.Contains(codes, answered.Code)
	}
	var said *answer
	return errors.As(err, &said) && slices.Contains(codes, said.code)
}

// away makes directory.ErrAway of errors that may pass.
func away(err error) error {
	if err == nil || errors.Is(err, directory.ErrNotFound) || !store.Temporary(err) {
		return err
	}
	return fmt.Errorf("%w: %w", directory.ErrAway, err)
}

// Has is database.Directory's.
func (d *Directory) Has(ctx context.Context) (c directory.Contents, err error) {
	err = d.readTables(ctx, func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, fmt.Sprintf("SELECT EXISTS (SELECT 1 FROM %s) OR EXISTS (SELECT 1 FROM directory_learnt), EXISTS (SELECT 1 FROM %s), EXISTS (SELECT 1 FROM %s)",
			d.table(directory.KindPatients), d.table(directory.KindOrganisations), d.table(directory.KindPostcodes))).Scan(&c.Patients, &c.Organisations, &c.Postcodes)
	})
	return c, err
}
