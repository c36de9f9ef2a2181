package datafolder_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"nems/internal/store/portable"
	"nems/internal/store/postgres"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/sqlite"
)

// translated are the columns of an engine that a move writes in another way, or that
// follow from others, each with the reason.
var translated = map[string]string{
	"event_type.id":        "a number of this engine's own",
	"event_code.id":        "a number of this engine's own",
	"event.mailboxes":      "portable as copies and filed",
	"fanout.copies":        "with spread.offset in SQLite",
	"spread.event":         "portable as fanout.event",
	"spread.offset":        "portable as fanout.next",
	"pending.since":        "portable as a rank",
	"pending.snapshot":     "portable as a rank",
	"route.since":          "portable as a rank",
	"route.classed":        "follows from the class",
	"mailbox.since":        "the transaction that changed it last, for nodes that run",
	"patient_change.n":     "in this order, above every mark",
	"patient_change.since": "in this order, above every mark",
	"lane.owner":           "a lease, and no node runs",
	"lane.expires":         "a lease, and no node runs",
	"replay.owner":         "a lease, and no node runs",
	"replay.expires":       "a lease, and no node runs",
	"audit_link.xid":       "the transaction, for readers beside running nodes",
	"registry.only":        "a constant",
	"registry.single":      "a constant",
	"registry.boxes":       "for nodes that run",
	"registry.removed":     "for nodes that run",
	"registry.search_key":  "seals links of pages, which live for minutes",
	"registry.registry":    "portable as registry.version",
}

// TestTablesOfMoves compares what moves with the real schemas: a table or a column
// that a migration has added must be in portable.Tables, or left out with a reason.
func TestTablesOfMoves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nems.db")
	if _, _, err := sqlite.Migrate(path); err != nil {
		t.Fatal(err)
	}
	conn, err := zombiezen.OpenConn(path, zombiezen.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var all []string
	err = sqlitex.ExecuteTransient(conn, "SELECT m.name || '.' || c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'", &sqlitex.ExecOptions{
		ResultFunc: func(s *zombiezen.Stmt) error { all = append(all, s.ColumnText(0)); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("sqlite", func(t *testing.T) {
		wantMoved(t, all, []string{"event.copies", "fanout.next", "pending.rank", "route.rank", "event.filed"})
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := pgtest.Shared(t).Database(t)
		if _, _, err := postgres.Migrate(t.Context(), dsn); err != nil {
			t.Fatal(err)
		}
		all := strings.Fields(pgtest.SQL(t, dsn, `SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
			WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped`))
		wantMoved(t, all, []string{"pending.rank", "route.rank", "event.filed", "route.class", "registry.version"})
	})
}

// wantMoved checks the columns TABLE.COLUMN of an engine. worked are the portable
// ones that it works out.
func wantMoved(t *testing.T, all, worked []string) {
	t.Helper()
	if len(all) < 150 {
		t.Fatalf("the schema has only %d columns", len(all))
	}
	there := map[string]bool{}
	for _, column := range all {
		table, name, _ := strings.Cut(column, ".")
		if portable.NotMoved[table] != "" {
			continue
		}
		if other := portable.Elsewhere[table]; other != "" && (other != "fanout") {
			table = other
		}
		column = table + "." + name
		there[column] = true
		moves, known := portable.Find(table)
		switch {
		case translated[column] != "":
		case !known:
			t.Errorf("the table %s is new: put it into portable.Tables, or into portable.NotMoved with the reason", table)
		case !slices.ContainsFunc(moves.Columns, func(c portable.Column) bool { return c.Name == name }):
			t.Errorf("the column %s is new: put it into portable.Tables, or say in this test why it does not move", column)
		}
	}
	for _, table := range portable.Tables {
		for _, c := range table.Columns {
			if column := table.Name + "." + c.Name; !there[column] && !slices.Contains(worked, column) {
				t.Errorf("%s moves, but the schema does not have it", column)
			}
		}
	}
}
