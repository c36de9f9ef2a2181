package publisher_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"nems/internal/store/postgres/pgtest"
	"nems/publisher"
	"nems/publisher/embedded"
)

// patients of the benchmark: messages of one patient are sent one after the other.
var patients = []string{"9912003888", "9434765919", "9990000204", "9990000212", "9000000009", "9990000050", "9990000069", "9990000077"}

// BenchmarkOutbox adds a message in a transaction of its own and sends it to a service that
// answers at once. Every message is on the disk three times: added, recorded, settled.
func BenchmarkOutbox(b *testing.B) {
	for dialect, open := range map[publisher.Dialect]func() (*sql.DB, error){
		publisher.SQLite:     func() (*sql.DB, error) { return embedded.OpenDB(filepath.Join(b.TempDir(), "outbox.db")) },
		publisher.PostgreSQL: func() (*sql.DB, error) { return sql.Open("pgx", pgtest.Shared(b).Database(b)) },
	} {
		b.Run(string(dialect), func(b *testing.B) {
			db, err := open()
			must(b, err)
			defer db.Close()
			o, err := publisher.New(publisher.Config{DB: db, Dialect: dialect, Client: newService(b).client(), Level: publisher.Strict})
			must(b, err)
			must(b, o.Migrate(b.Context()))
			b.Run("add", func(b *testing.B) {
				for range b.N {
					_, err := o.AddNow(b.Context(), vaccination(b, jack, epoch))
					must(b, err)
				}
			})
			b.Run("send", func(b *testing.B) {
				_, err := db.ExecContext(b.Context(), `UPDATE nems_outbox SET state = 'sent'`)
				must(b, err)
				for i := range b.N {
					_, err := o.AddNow(b.Context(), vaccination(b, patients[i%len(patients)], epoch))
					must(b, err)
				}
				b.ResetTimer()
				_, err = o.Send(b.Context())
				must(b, err)
			})
		})
	}
}
