package publisher

import (
	_ "embed"
	"strings"
)

// Dialect is the kind of database that holds an outbox.
type Dialect string

// Dialects.
const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgresql"
)

//go:embed outbox.sql
var schemaText string

// Schema returns the statements that make the tables of an outbox, for migrations of your
// own. They may be run again. The tables are nems_outbox and nems_outbox_attempt; they
// hold patients' data.
func Schema(d Dialect) string {
	words := []string{"$BLOB", "BLOB", "$SERIAL", "INTEGER PRIMARY KEY AUTOINCREMENT", "$INT", "INTEGER"}
	if d == PostgreSQL {
		words = []string{"$BLOB", "BYTEA", "$SERIAL", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "$INT", "BIGINT"}
	}
	return strings.NewReplacer(words...).Replace(schemaText)
}
