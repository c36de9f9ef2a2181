package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
)

// PatientChanges is broker.Changes'. Marks are the writer's numbers.
func (db *DB) PatientChanges(ctx context.Context, from int64, max int) (store.PatientChanges, error) {
	var page store.PatientChanges
	err := db.readers.one(ctx, func(conn *sqlite.Conn) error {
		last, err := number(conn, "SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'patient_change'), 0)")
		if err != nil {
			return err
		}
		if from > last {
			from = 0
		}
		page.Mark = from
		return rows(conn, "SELECT n, event FROM patient_change WHERE n > ? ORDER BY n LIMIT ?", func(s *sqlite.Stmt) error {
			page.Mark = s.ColumnInt64(0)
			page.Events = append(page.Events, store.EventID(s.ColumnInt64(1)))
			return nil
		}, from, max)
	})
	if len(page.Events) == max {
		page.Next = page.Mark
	}
	return page, err
}
