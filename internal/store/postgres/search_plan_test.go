package postgres_test

import (
	"strings"
	"testing"

	"nems/internal/store/postgres/pgtest"
)

// No search reads more of a table or an index than it yields: all are looked up.
func TestSearchesScanNoTable(t *testing.T) {
	db := runNode(t, pgtest.Shared(t).Database(t))
	for name, s := range db.Searches() {
		plan := db.Explain(t, s.SQL, s.Args...)
		if !strings.Contains(plan, s.Want) || strings.Contains(plan, "Seq Scan on subscription") {
			t.Errorf("%s: expected an index scan by %s; received\n%s", name, s.Want, plan)
		}
	}
}
