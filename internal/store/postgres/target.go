package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/store/portable"
)

// firstRank is the number of the transaction that stands for rank 0. Numbers up to it
// were used when the server's first database was made.
const firstRank = 8

// moveLock is held by the session of a move: the advisory lock "NEMS" 2.
const moveLock = 0x4e454d53<<32 | 2

// target is a database that a service moves to.
type target struct {
	exchange
	days map[int64]bool // that have their partitions
	ends portable.Ends
	top  int64 // the highest rank
}

var _ portable.Target = (*target)(nil)

// OpenTarget opens the database of dsn to move into it. It makes the schema in an
// empty database. It returns portable.ErrInUse while nodes run, and an error for a
// database that holds anything but what an unfinished move has left.
func OpenTarget(ctx context.Context, dsn string, o portable.Options) (portable.Target, error) {
	t := &target{exchange: exchange{options: o}, days: map[int64]bool{}}
	if err := t.open(ctx, dsn); err != nil {
		return nil, errors.Join(fmt.Errorf("PostgreSQL: %w", err), t.Close())
	}
	return t, nil
}

func (t *target) open(ctx context.Context, dsn string) (err error) {
	if t.conn, err = connectToMove(ctx, dsn); err != nil {
		return err
	}
	var mine bool
	if err := t.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(moveLock)).Scan(&mine); err != nil {
		return plain(err)
	}
	if !mine {
		return fmt.Errorf("another move works on this database: %w", portable.ErrInUse)
	}
	if err := t.makeSchema(ctx, dsn); err != nil {
		return err
	}
	return t.transaction(ctx, func(tx pgx.Tx) error {
		if err := alone(ctx, tx); err != nil {
			return err
		}
		_, err := t.look(ctx, tx)
		return err
	})
}

// makeSchema migrates an empty database, and refuses another version's.
func (t *target) makeSchema(ctx context.Context, dsn string) error {
	err := prepareSchema(ctx, dsn, false)
	if errors.Is(err, portable.ErrUnfinished) {
		return nil
	}
	if errors.Is(err, errEmpty) {
		_, _, err = Migrate(ctx, dsn)
	}
	return err
}

// look says which source the database holds an unfinished move from; "" for an empty
// database. Any other is refused.
func (t *target) look(ctx context.Context, q querier) (from string, err error) {
	var there bool
	if err := q.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", unfinishedTable).Scan(&there); err != nil {
		return "", plain(err)
	}
	if there {
		_, err = one(ctx, q, []any{&from}, "SELECT source FROM "+unfinishedTable)
		return from, plain(err)
	}
	for _, table := range portable.Tables {
		if table.Name == "registry" {
			continue // there is always one row
		}
		var rows bool
		if err := q.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+pgx.Identifier{table.Name}.Sanitize()+")").Scan(&rows); err != nil {
			return "", plain(err)
		}
		if rows {
			return "", fmt.Errorf("it is not empty: its table %s has rows; a service is moved into a database of its own, so make another one (createdb)", table.Name)
		}
	}
	return "", nil
}

// transaction runs f in a transaction.
func (t *target) transaction(ctx context.Context, f func(pgx.Tx) error) error {
	if err := pgx.BeginFunc(ctx, t.conn, f); err != nil {
		return plain(err)
	}
	return nil
}

// Begin is portable.Target's.
func (t *target) Begin(ctx context.Context, from string, ceiling int64) error {
	err := t.transaction(ctx, func(tx pgx.Tx) error {
		if err := alone(ctx, tx); err != nil {
			return err
		}
		before, err := t.look(ctx, tx)
		if err != nil {
			return err
		}
		if before != "" && before != from {
			return fmt.Errorf("the database holds an unfinished move from %s: finish that one, or make another database", before)
		}
		if before == "" {
			if _, err := tx.Exec(ctx, "CREATE TABLE "+unfinishedTable+" (source text NOT NULL)"); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "INSERT INTO "+unfinishedTable+" VALUES ($1)", from); err != nil {
				return err
			}
		}
		return t.empty(ctx, tx)
	})
	if err != nil {
		return err
	}
	// Changes of patients get numbers above every mark: directories then learn all of
	// them again.
	return t.advance(ctx, ceiling)
}

// empty removes what an unfinished move has left.
func (t *target) empty(ctx context.Context, tx pgx.Tx) error {
	names := []string{"audit_chain", "audit_filed", "quota_use", "nonce", "leader", "route_class"}
	for _, table := range portable.Tables {
		if table.Name != "registry" {
			names = append(names, pgx.Identifier{table.Name}.Sanitize())
		}
	}
	_, err := tx.Exec(ctx, "TRUNCATE "+strings.Join(names, ", "))
	return err
}

// advance uses up numbers of transactions until the next one is above n.
func (t *target) advance(ctx context.Context, n int64) error {
	_, err := t.conn.Exec(ctx, fmt.Sprintf("DO $$ BEGIN WHILE pg_current_xact_id()::text::bigint <= %d LOOP COMMIT; END LOOP; END $$", n))
	return plain(err)
}

// Load is portable.Target's.
func (t *target) Load(ctx context.Context, name string, rows portable.Rows) (n int64, err error) {
	table, ok := portable.Find(name)
	if !ok {
		return 0, fmt.Errorf("no table moves that is called %q", name)
	}
	next, stop := iter.Pull2(rows)
	defer stop()
	c := &copying{t: t, table: table, next: next, day: dayColumn(name)}
	c.columns, c.edit = t.columns(&table)
	switch name {
	case "registry":
		return t.loadRegistry(ctx, c)
	case "pending":
		return t.loadPending(ctx, c)
	case "route":
		return t.loadRoutes(ctx, c)
	}
	for c.more() {
		if c.day >= 0 {
			if err := t.ensureDay(ctx, c.position()); err != nil {
				return c.n, err
			}
		}
		if _, err := t.conn.CopyFrom(ctx, pgx.Identifier{name}, c.columns, c); err != nil {
			return c.n, fmt.Errorf("%s: %w", name, plain(err))
		}
	}
	return c.n, c.err
}

// dayColumn is the column that a table is partitioned by, -1 for none.
func dayColumn(table string) int {
	if !slices.ContainsFunc(partitioned, func(p struct{ name, with string }) bool { return p.name == table }) {
		return -1
	}
	if table == "event" || table == "event_piece" {
		return 0
	}
	return 1
}

// ensureDay makes the partitions of a position's day.
func (t *target) ensureDay(ctx context.Context, p store.EventID) error {
	number := dayOf(p)
	if t.days[number] {
		return nil
	}
	t.days[number] = true
	return t.transaction(ctx, func(tx pgx.Tx) error { return makeDay(ctx, tx, number) })
}

// columns are those of a table here, and how a row becomes one of it.
func (t *target) columns(table *portable.Table) (names []string, edit func(portable.Row) (portable.Row, error)) {
	for _, c := range table.Columns {
		names = append(names, c.Name)
	}
	text := func(v any) string { s, _ := v.(string); return s }
	edit = func(r portable.Row) (portable.Row, error) { return r, nil }
	switch table.Name {
	case "event":
		return names[:14], func(r portable.Row) (portable.Row, error) { return r[:14], nil }
	case "event_type":
		return append(names, "id"), func(r portable.Row) (portable.Row, error) {
			return append(slices.Clone(r), int64(portable.TypeNumber(text(r[0]), text(r[1])))), nil
		}
	case "event_code":
		return append(names, "id"), func(r portable.Row) (portable.Row, error) {
			return append(slices.Clone(r), int64(portable.CodeNumber(text(r[0])))), nil
		}
	case "workflow":
		return names, func(r portable.Row) (portable.Row, error) {
			var senders, receivers []string
			err := errors.Join(json.Unmarshal([]byte(text(r[1])), &senders), json.Unmarshal([]byte(text(r[2])), &receivers))
			return portable.Row{r[0], senders, receivers}, err
		}
	case "audit_link":
		return names, func(r portable.Row) (portable.Row, error) {
			l, err := portable.LinkOf(r)
			t.ends.Add(&l)
			return r, err
		}
	}
	return names, edit
}

// copying is the rows of a table as COPY takes them: those up to a day that has no
// partitions yet.
type copying struct {
	t       *target
	table   portable.Table
	next    func() (portable.Row, error, bool)
	columns []string
	edit    func(portable.Row) (portable.Row, error)
	day     int // column of the position, -1 where there are no partitions

	row   portable.Row // the next one, nil before it is read
	ended bool
	n     int64
	err   error
}

// more tells whether there is another row, and reads it.
func (c *copying) more() bool {
	if c.row != nil {
		return true
	}
	if c.ended || c.err != nil {
		return false
	}
	row, err, ok := c.next()
	if !ok || err != nil {
		c.ended, c.err = true, err
		return false
	}
	c.row = row
	return true
}

func (c *copying) position() store.EventID {
	p, _ := c.row[c.day].(int64)
	return store.EventID(p)
}

// Next is pgx.CopyFromSource's.
func (c *copying) Next() bool {
	return c.more() && (c.day < 0 || c.t.days[dayOf(c.position())])
}

// Values is pgx.CopyFromSource's.
func (c *copying) Values() ([]any, error) {
	row := c.row
	c.row = nil
	c.n++
	return c.edit(row)
}

// Err is pgx.CopyFromSource's.
func (c *copying) Err() error { return c.err }

func (t *target) loadRegistry(ctx context.Context, c *copying) (int64, error) {
	for c.more() {
		row, _ := c.Values()
		if _, err := t.conn.Exec(ctx, "UPDATE version SET registry = $1", row...); err != nil {
			return c.n, plain(err)
		}
	}
	return c.n, c.err
}

func (t *target) loadPending(ctx context.Context, c *copying) (int64, error) {
	err := t.transaction(ctx, func(tx pgx.Tx) error {
		for c.more() {
			row, _ := c.Values()
			rank, _ := row[1].(int64)
			t.top = max(t.top, rank)
			sees := firstRank + rank + 1 // all below
			if _, err := tx.Exec(ctx, "INSERT INTO pending (event, snapshot, refusal) VALUES ($1, $2::text::pg_snapshot, $3)",
				row[0], fmt.Sprintf("%d:%d:", sees, sees), row[2]); err != nil {
				return err
			}
		}
		return c.err
	})
	return c.n, err
}

// loadRoutes files each subscription once under its event code, and those that filter
// under their classes too.
func (t *target) loadRoutes(ctx context.Context, c *copying) (int64, error) {
	c.edit = func(r portable.Row) (portable.Row, error) {
		rank, _ := r[6].(int64)
		t.top = max(t.top, rank)
		return r, nil
	}
	err := t.transaction(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `CREATE TEMPORARY TABLE moved_route (hash bigint, code integer, class integer, mailbox bigint, id bytea, candidate bytea, rank bigint) ON COMMIT DROP`)
		if err == nil {
			_, err = tx.CopyFrom(ctx, pgx.Identifier{"moved_route"}, c.columns, c)
		}
		if err == nil {
			_, err = tx.Exec(ctx, `INSERT INTO route (hash, code, id, candidate, mailbox, classed, since)
				SELECT DISTINCT ON (hash, code, id) hash, code, id, candidate, mailbox, class <> 0, (rank + $1)::text::xid8 FROM moved_route ORDER BY hash, code, id, class`, int64(firstRank))
		}
		if err == nil {
			_, err = tx.Exec(ctx, `INSERT INTO route_class (hash, code, class, mailbox, id, candidate, since)
				SELECT hash, code, class, mailbox, id, candidate, (rank + $1)::text::xid8 FROM moved_route WHERE class <> 0`, int64(firstRank))
		}
		return errors.Join(c.err, err)
	})
	return c.n, err
}

// Settle is portable.Target's.
func (t *target) Settle(ctx context.Context) error {
	if err := t.advance(ctx, firstRank+t.top+1); err != nil {
		return err
	}
	err := t.transaction(ctx, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		for _, end := range t.ends.All() {
			b.Queue("INSERT INTO audit_chain (chain, seq, hash, bound) VALUES ($1, $2, $3, $4)", end.Chain, end.Seq, end.Hash[:], end.Bound)
		}
		b.Queue("TRUNCATE quota_use") // what triggers have counted is counted here at once
		b.Queue("INSERT INTO quota_use (quota, owner, slot, used) SELECT quota, owner, 0, used FROM quota_due")
		for _, s := range sequences {
			b.Queue(fmt.Sprintf("SELECT setval(pg_get_serial_sequence('%[1]s', '%[2]s'), coalesce(max(%[2]s), 1), max(%[2]s) IS NOT NULL) FROM %[1]s", s.table, s.column))
		}
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return err
	}
	_, err = t.conn.Exec(ctx, "ANALYZE") // so that the first plans fit
	return plain(err)
}

// Finish is portable.Target's.
func (t *target) Finish(ctx context.Context, e audit.Entry) error {
	return t.transaction(ctx, func(tx pgx.Tx) error {
		var last int64
		err := tx.QueryRow(ctx, `SELECT greatest(coalesce((SELECT max(id) FROM event), 0), coalesce((SELECT max(position) FROM message), 0),
			coalesce((SELECT max(generation) FROM upload), 0), coalesce((SELECT max(chain) FROM audit_chain), 0))`).Scan(&last)
		if err != nil {
			return err
		}
		shifts, err := readShifts(ctx, tx)
		if err != nil {
			return err
		}
		var moments store.Moments
		moments.Set(shifts)
		chain := audit.NewChain(int64(moments.Next(e.At, store.EventID(last), nodes)), t.ends.Unbound())
		w := &writer{chain: chain, entries: []audit.Sealed{seal(e)}, db: &DB{}}
		w.db.opts.Now = func() time.Time { return e.At }
		b := &pgx.Batch{}
		w.queueLink(b)
		b.Queue("DROP TABLE " + unfinishedTable)
		return tx.SendBatch(ctx, b).Close()
	})
}

// Room is portable.Target's: the server's disk is not seen from here.
func (t *target) Room(context.Context) int64 { return -1 }

// Close is portable.Source's.
func (t *target) Close() error {
	if t.conn == nil {
		return nil
	}
	return t.conn.Close(context.Background())
}
