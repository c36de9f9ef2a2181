package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"nems/internal/audit"
	"nems/internal/store"
	"nems/internal/store/portable"
)

// unfinishedAppID marks a database into which a service is being moved ("NEMU"): no
// version of this program takes it for one of its own.
const unfinishedAppID = 0x4e454d55

// A transaction of a move ends after so many rows or bytes.
const (
	loadRows  = 20_000
	loadBytes = 8 << 20
)

// target is a database that a service moves to.
type target struct {
	exchange
	path string
	lock io.Closer

	back    map[string]map[int64]int64 // portable numbers to those of rows: of event_type, event_code
	ceiling int64
	ends    portable.Ends
	shifts  clockShifts
	link    int64 // the last one's number
}

var _ portable.Target = (*target)(nil)

// OpenTarget opens the database at path to move into it; the file may be missing. It
// returns ErrLocked while another process has it open, and an error for one that
// holds anything but what an unfinished move has left.
func OpenTarget(ctx context.Context, path string, o portable.Options) (portable.Target, error) {
	lock, err := lockFile(path)
	if err != nil {
		return nil, inUse(err)
	}
	t := &target{exchange: exchange{options: o}, path: path, lock: lock}
	if err := t.look(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, foreign(err)), t.Close())
	}
	return t, nil
}

// look finds out whether the file may be moved into.
func (t *target) look(ctx context.Context) error {
	if info, err := os.Stat(t.path); err != nil || info.Size() == 0 {
		return err
	}
	conn, err := open(t.path, sqlite.OpenReadOnly)
	if err != nil {
		return err
	}
	t.conn = conn
	defer func() { t.conn = nil }()
	_, err = recognise(conn, mainAppID)
	if err == nil {
		var table string
		if table, err = t.occupied(ctx); err == nil && table != "" {
			err = fmt.Errorf("it is not empty: its table %s has rows; a service is moved into a database of its own, so take another path", table)
		}
	}
	if errors.Is(err, portable.ErrUnfinished) {
		err = nil
	}
	return errors.Join(err, conn.Close())
}

// earlier is the source of the unfinished move that the file holds; "" without one.
func (t *target) earlier() (from string, err error) {
	if info, err := os.Stat(t.path); err != nil || info.Size() == 0 {
		return "", err
	}
	conn, err := open(t.path, sqlite.OpenReadOnly)
	if err != nil {
		return "", err
	}
	if _, err := recognise(conn, mainAppID); errors.Is(err, portable.ErrUnfinished) {
		// Without the table, it was killed before it had written anything.
		_, _ = row(conn, "SELECT source FROM unfinished_move", func(s *sqlite.Stmt) { from = s.ColumnText(0) })
	}
	return from, conn.Close()
}

// Begin is portable.Target's. What is left of an earlier move is thrown away with the
// file's content. The file stays, because the lock is on it.
func (t *target) Begin(_ context.Context, from string, ceiling int64) error {
	before, err := t.earlier()
	if err != nil {
		return err
	}
	if before != "" && before != from {
		return fmt.Errorf("%s holds an unfinished move from %s: finish that one, or remove the file", t.path, before)
	}
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		if err := os.Remove(t.path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := os.Truncate(t.path, 0); err != nil {
		return err
	}
	// Nothing need be on disk before Finish: what a power cut leaves is thrown away.
	if t.conn, err = openWriter(t.path, unfinishedAppID, "OFF", writerCacheKiB); err != nil {
		return err
	}
	if err := t.conn.CreateFunction("count_copies", countCopies); err != nil {
		return err
	}
	if err := pragmas(t.conn, fmt.Sprintf("application_id=%d", unfinishedAppID)); err != nil {
		return err
	}
	if err := exec(t.conn, "CREATE TABLE unfinished_move (source TEXT NOT NULL)"); err != nil {
		return err
	}
	if err := exec(t.conn, "INSERT INTO unfinished_move VALUES (?)", from); err != nil {
		return err
	}
	t.ceiling = ceiling
	return migrate(t.conn, unfinishedAppID, mainMigrations)
}

// Load is portable.Target's.
func (t *target) Load(ctx context.Context, name string, all portable.Rows) (n int64, err error) {
	table, ok := portable.Find(name)
	if !ok {
		return 0, fmt.Errorf("no table moves that is called %q", name)
	}
	if err := t.prepareLoad(name); err != nil {
		return 0, err
	}
	if err := exec(t.conn, "BEGIN IMMEDIATE"); err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_ = exec(t.conn, "ROLLBACK") // the error that led here says more
		}
	}()
	insert, weight := t.inserter(&table), 0
	for r, err := range all {
		if err == nil {
			err = insert(r)
		}
		if err != nil {
			return n, err
		}
		n++
		if weight += weigh(r); n%loadRows == 0 || weight > loadBytes {
			weight = 0
			if err := errors.Join(ctx.Err(), exec(t.conn, "COMMIT"), exec(t.conn, "BEGIN IMMEDIATE")); err != nil {
				return n, err
			}
		}
	}
	return n, exec(t.conn, "COMMIT")
}

// weigh is how many bytes the long values of a row have.
func weigh(r portable.Row) (n int) {
	for _, v := range r {
		switch v := v.(type) {
		case []byte:
			n += len(v)
		case string:
			n += len(v)
		}
	}
	return n
}

// prepareLoad reads what rows of a table are translated by.
func (t *target) prepareLoad(table string) error {
	switch table {
	case "event", "inbox", "collected", "route":
		if err := t.readNumbers(); err != nil {
			return err
		}
		t.back = map[string]map[int64]int64{"type": inverse(t.types), "code": inverse(t.codes)}
	case "patient_change":
		// Numbers begin above every mark: directories then learn all of it again.
		return exec(t.conn, "INSERT INTO sqlite_sequence (name, seq) VALUES ('patient_change', ?)", t.ceiling)
	case "audit_link":
		return t.shifts.read(t.conn)
	}
	return nil
}

func inverse(m map[int64]int64) map[int64]int64 {
	out := make(map[int64]int64, len(m))
	for k, v := range m {
		out[v] = k
	}
	return out
}

// inserter writes rows of a table.
func (t *target) inserter(table *portable.Table) func(portable.Row) error {
	places := strings.TrimSuffix(strings.Repeat("?, ", len(table.Columns)), ", ")
	insert := "INSERT INTO \"" + table.Name + "\" (" + quotedColumns(table) + ") VALUES (" + places + ")"
	switch table.Name {
	case "event":
		insert = strings.NewReplacer(`"copies", `, "", `"filed"`, `"mailboxes"`, "(?, ", "(").Replace(insert)
		return func(r portable.Row) error {
			return errors.Join(translate(t.back["type"], r, 1, "event type"), exec(t.conn, insert, append(append([]any{}, r[:7]...), r[8:]...)...))
		}
	case "inbox", "collected":
		return func(r portable.Row) error {
			return errors.Join(translate(t.back["type"], r, 2, "event type"), exec(t.conn, insert, r...))
		}
	case "fanout":
		return func(r portable.Row) error {
			return errors.Join(exec(t.conn, "INSERT INTO fanout (event, copies) VALUES (?, ?)", r[0], r[2]),
				exec(t.conn, "INSERT INTO spread (event, offset) VALUES (?, ?)", r[0], r[1]))
		}
	case "pending":
		insert = strings.Replace(insert, "rank", "since", 1)
	case "route":
		insert = strings.Replace(insert, "rank", "since", 1)
		return func(r portable.Row) error {
			return errors.Join(translate(t.back["code"], r, 1, "event code"), exec(t.conn, insert, r...))
		}
	case "registry":
		return func(r portable.Row) error { return exec(t.conn, "UPDATE registry_version SET version = ?", r...) }
	case "lane":
		insert = "INSERT INTO lane (mailbox, generation, next_attempt, failures, owner, expires) VALUES (?, ?, ?, ?, '', 0)"
	case "audit_link":
		return func(r portable.Row) error { return t.loadLink(insert, r) }
	}
	return func(r portable.Row) error { return exec(t.conn, insert, r...) }
}

// loadLink writes a link of the audit. Links are numbered by positions here: one that
// has such a number keeps it.
func (t *target) loadLink(insert string, r portable.Row) error {
	l, err := portable.LinkOf(r)
	if err != nil {
		return err
	}
	t.ends.Add(&l)
	id, _ := r[0].(int64)
	at := int64(t.shifts.Position(l.At))
	if late := id - at; id <= t.link || late < 0 || late > int64(store.PositionAt(time.Unix(60, 0))) {
		id = max(at, t.link+nextMicrosecond)
	}
	t.link = id
	return exec(t.conn, insert, append([]any{id}, r[1:]...)...)
}

// Settle is portable.Target's. Triggers have counted what quotas limit.
func (t *target) Settle(context.Context) error {
	return exec(t.conn, "UPDATE event_count SET n = (SELECT count(*) FROM event), position = ifnull((SELECT max(id) FROM event), 0)")
}

// Finish is portable.Target's. All rows are on disk before the mark goes.
func (t *target) Finish(_ context.Context, e audit.Entry) error {
	if err := t.toDisk(); err != nil {
		return err
	}
	last, err := number(t.conn, `SELECT max(ifnull((SELECT max(id) FROM event), 0), ifnull((SELECT max(position) FROM message), 0),
		ifnull((SELECT max(generation) FROM upload), 0), ifnull((SELECT max(id) FROM audit_link), 0))`)
	if err != nil {
		return err
	}
	for _, chain := range t.ends.Chains() {
		last = max(last, chain)
	}
	chain := int64(t.shifts.Next(e.At, store.EventID(last), nextMicrosecond))
	link := audit.NewChain(chain, t.ends.Unbound()).Next(e.At, []audit.Sealed{audit.Seal(e)})
	for _, step := range []func() error{
		func() error { return exec(t.conn, "BEGIN IMMEDIATE") },
		func() error {
			return exec(t.conn, "INSERT INTO audit_link (id, chain, seq, at, heads, hash, entries) VALUES (?, ?, ?, ?, ?, ?, ?)",
				chain+nextMicrosecond, link.Chain, link.Seq, link.At.UnixMicro(), headsColumn(link.Heads), link.Hash[:], link.Entries)
		},
		func() error { return exec(t.conn, "DROP TABLE unfinished_move") },
		func() error { return pragmas(t.conn, fmt.Sprintf("application_id=%d", mainAppID)) },
		func() error { return exec(t.conn, "COMMIT") },
		t.toDisk,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// toDisk has everything in the file, and the file on disk.
func (t *target) toDisk() error {
	return pragmas(t.conn, "synchronous=FULL", "wal_checkpoint(TRUNCATE)")
}

// Room is portable.Target's.
func (t *target) Room(context.Context) int64 { return roomBeside(t.path) }

// Close is portable.Source's.
func (t *target) Close() error {
	var err error
	if t.conn != nil {
		err = t.conn.Close()
	}
	return errors.Join(err, t.lock.Close())
}
