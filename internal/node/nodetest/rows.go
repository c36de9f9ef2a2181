package nodetest

import (
	"path/filepath"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// kept are the tables that a refused request must not touch. The audit is not
// among them: refusals belong there.
var kept = []string{"event", "event_piece", "fanout", "inbox", "subscription", "route", "idempotency", "piece", "message"}

// Rows counts what the server keeps, table by table.
func (s *Server) Rows() map[string]int {
	s.t.Helper()
	conn, err := sqlite.OpenConn(filepath.Join(s.Config.Data, "nems.db"), sqlite.OpenReadOnly)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	rows := map[string]int{}
	for _, table := range kept {
		rows[table], err = sqlitex.ResultInt(conn.Prep("SELECT count(*) FROM " + table))
		if err != nil {
			s.t.Fatalf("counting %s: %v", table, err)
		}
	}
	return rows
}
