package datafolder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"nems/internal/audit"
	"nems/internal/crashpoint"
	"nems/internal/store/portable"
	"nems/internal/store/postgres"
	"nems/internal/store/sqlite"
)

// Step is what a move is busy with.
type Step string

// The steps of a move, in their order.
const (
	VerifyingSource Step = "verifying the audit"
	Copying         Step = "copying"
	Settling        Step = "counting and indexing"
	Comparing       Step = "comparing"
)

// Move is a service on its way from one database to another, of whatever engine. No
// node runs on either meanwhile, and none can start.
type Move struct {
	from             portable.Source
	target           portable.Target
	fromName, toName string
	at               time.Time

	// Tables is what there is to move.
	Tables []MovedTable
	// Bytes is roughly how much room the source takes; Room how much the target has,
	// -1 where it cannot be known.
	Bytes, Room int64
}

// MovedTable is a table on its way.
type MovedTable struct {
	Name   string
	Rows   int64  // in the source
	Digest string // of its rows in both databases; "" before it was compared
	digest portable.Digest
}

// MoveProgress is told of each step how many rows are done, of how many.
type MoveProgress func(step Step, table string, done, all int64)

// OpenMove opens both databases and finds out what there is to move. Both URLs name
// one, as sqlite:PATH or postgres://…; it returns portable.ErrInUse where a node or
// another command uses one of them.
func OpenMove(ctx context.Context, from, to string, at time.Time) (m *Move, err error) {
	m = &Move{at: at}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
			m = nil
		}
	}()
	options := portable.Options{At: at}
	if m.fromName, m.from, err = openSource(ctx, from, options); err != nil {
		return m, fmt.Errorf("--from: %w", err)
	}
	if m.toName, m.target, err = openTarget(ctx, to, options); err != nil {
		return m, fmt.Errorf("--to: %w", err)
	}
	for _, t := range portable.Tables {
		n, err := m.from.Count(ctx, t.Name)
		if err != nil {
			return m, err
		}
		m.Tables = append(m.Tables, MovedTable{Name: t.Name, Rows: n})
	}
	m.Room = m.target.Room(ctx)
	m.Bytes, err = m.from.Bytes(ctx)
	return m, err
}

func openSource(ctx context.Context, url string, o portable.Options) (name string, s portable.Source, err error) {
	if IsPostgres(url) {
		s, err = postgres.OpenSource(ctx, url, o)
		return postgres.Name(url), s, err
	}
	path, err := movePath(url)
	if err != nil {
		return "", nil, err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil, fmt.Errorf("%s: there is no database of a service; expected the file nems.db of a data folder", path)
	}
	s, err = sqlite.OpenSource(path, o)
	return "sqlite:" + path, s, err
}

func openTarget(ctx context.Context, url string, o portable.Options) (name string, t portable.Target, err error) {
	if IsPostgres(url) {
		t, err = postgres.OpenTarget(ctx, url, o)
		return postgres.Name(url), t, err
	}
	path, err := movePath(url)
	if err != nil {
		return "", nil, err
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return "", nil, fmt.Errorf("%w: make the folder first", err)
	}
	t, err = sqlite.OpenTarget(ctx, path, o)
	return "sqlite:" + path, t, err
}

// movePath is the file of sqlite:PATH. A data folder stands for its nems.db.
func movePath(url string) (string, error) {
	path, err := file(".", url)
	if err != nil || url == "" {
		return "", errKind
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, eventsFile)
	}
	return filepath.Abs(path)
}

// From and To name the databases without passwords.
func (m *Move) From() string { return m.fromName }

// To is described at From.
func (m *Move) To() string { return m.toName }

// Rows is how many rows there are to move.
func (m *Move) Rows() (n int64) {
	for _, t := range m.Tables {
		n += t.Rows
	}
	return n
}

// Fits returns an error where the target plainly has no room.
func (m *Move) Fits() error {
	if m.Room >= 0 && m.Room < m.Bytes {
		return fmt.Errorf("%s takes about %d MB, and where %s lies %d MB are free", m.fromName, m.Bytes>>20, m.toName, m.Room>>20)
	}
	return nil
}

// Run moves. by is who moves. When it fails, or is killed, the source is as it was,
// and no node starts on the target: the same move may be begun anew.
func (m *Move) Run(ctx context.Context, by string, progress MoveProgress) error {
	if err := m.Fits(); err != nil {
		return err
	}
	if err := m.verify(ctx, m.from, m.fromName, progress); err != nil {
		return err
	}
	ceiling, err := m.from.Ceiling(ctx)
	if err != nil {
		return err
	}
	if err := m.target.Begin(ctx, m.fromName, ceiling); err != nil {
		return err
	}
	crashpoint.Hit(crashpoint.MoveMarked)
	if err := m.copy(ctx, progress); err != nil {
		return err
	}
	progress(Settling, "", 0, 1)
	if err := m.target.Settle(ctx); err != nil {
		return err
	}
	crashpoint.Hit(crashpoint.MoveCopied)
	if err := m.compare(ctx, progress); err != nil {
		return err
	}
	crashpoint.Hit(crashpoint.MoveCompared)
	if err := m.target.Finish(ctx, audit.Entry{At: m.at, Action: audit.ActionMoveDatabase, User: by, Object: m.fromName}); err != nil {
		return err
	}
	return m.leaveSign()
}

// verify checks the audit's chains: what is broken is not carried along unnoticed.
func (m *Move) verify(ctx context.Context, s portable.Source, name string, progress MoveProgress) error {
	i := slices.IndexFunc(m.Tables, func(t MovedTable) bool { return t.Name == "audit_link" })
	done, all := int64(0), m.Tables[i].Rows
	progress(VerifyingSource, "audit_link", done, all)
	report, err := audit.Verify(func(yield func(audit.Link, error) bool) {
		for l, err := range portable.Links(s.Rows(ctx, "audit_link")) {
			if done++; done%1000 == 0 {
				progress(VerifyingSource, "audit_link", done, all)
			}
			if !yield(l, err) {
				return
			}
		}
	}, nil)
	if err != nil {
		return err
	}
	if report.Found > 0 {
		return fmt.Errorf("the audit of %s is not whole: %s (nems audit verify shows all of it); nothing was moved", name, report.Problems[0])
	}
	return nil
}

func (m *Move) copy(ctx context.Context, progress MoveProgress) error {
	for i := range m.Tables {
		moved := &m.Tables[i]
		t, _ := portable.Find(moved.Name)
		moved.digest = portable.Digest{}
		n, err := m.target.Load(ctx, t.Name, digested(&moved.digest, &t, m.from.Rows(ctx, t.Name), func(done int64) {
			progress(Copying, t.Name, done, moved.Rows)
		}))
		if err != nil {
			return err
		}
		progress(Copying, t.Name, n, n)
		crashpoint.Hit(crashpoint.MoveTable)
	}
	return nil
}

// digested adds the rows to a digest as they pass.
func digested(d *portable.Digest, t *portable.Table, rows portable.Rows, progress func(done int64)) portable.Rows {
	return func(yield func(portable.Row, error) bool) {
		for r, err := range rows {
			if err == nil {
				err = d.Add(t, r)
			}
			if d.Rows%1000 == 0 {
				progress(d.Rows)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// errDiffers: what was written is not what was read.
var errDiffers = errors.New("the copy is not what was copied")

// compare reads everything again from the target.
func (m *Move) compare(ctx context.Context, progress MoveProgress) error {
	for i := range m.Tables {
		moved := &m.Tables[i]
		t, _ := portable.Find(moved.Name)
		n := int64(0)
		d, err := portable.Each(&t, m.target.Rows(ctx, t.Name), func() {
			if n++; n%1000 == 0 {
				progress(Comparing, t.Name, n, moved.digest.Rows)
			}
		})
		if err != nil {
			return err
		}
		if !d.Equal(&moved.digest) {
			return fmt.Errorf("%s: expected %d rows with the checksum %s; received %d with %s: %w", t.Name, moved.digest.Rows, &moved.digest, d.Rows, &d, errDiffers)
		}
		moved.Rows, moved.Digest = d.Rows, d.String()
		progress(Comparing, t.Name, n, n)
	}
	if err := m.verify(ctx, m.target, m.toName, func(Step, string, int64, int64) {}); err != nil {
		return err
	}
	return m.sameHeads(ctx)
}

// sameHeads compares the ends of the audit's chains.
func (m *Move) sameHeads(ctx context.Context) error {
	var ends [2][]portable.End
	for i, s := range []portable.Source{m.from, m.target} {
		var e portable.Ends
		for l, err := range portable.Links(s.Rows(ctx, "audit_link")) {
			if err != nil {
				return err
			}
			e.Add(&l)
		}
		ends[i] = e.All()
	}
	if !slices.Equal(ends[0], ends[1]) {
		return fmt.Errorf("the ends of the audit's chains differ: %w", errDiffers)
	}
	return nil
}

// Close closes both databases.
func (m *Move) Close() error {
	var err error
	if m.target != nil {
		err = m.target.Close()
	}
	if m.from != nil {
		err = errors.Join(err, m.from.Close())
	}
	return err
}
