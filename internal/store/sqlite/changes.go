package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
)

// PatientChanges is broker.Changes'. Marks are the writer's numbers.
func (db *DB) PatientChanges(ctx context.Context, from int64, max int) (store.PatientChanges, error) {
	var page store.PatientChanges
	seen := 0
	err := db.readers.one(ctx, func(conn *sqlite.Conn) error {
		last, err := number(conn, "SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'patient_change'), 0)")
		if err != nil {
			return err
		}
		if from > last {
			from = 0
		}
		page.Mark = from
		return rows(conn, "SELECT n, event, patient FROM patient_change WHERE n > ? ORDER BY n LIMIT ?", func(s *sqlite.Stmt) error {
			page.Mark = s.ColumnInt64(0)
			seen++
			if s.ColumnIsNull(2) {
				page.Events = append(page.Events, store.EventID(s.ColumnInt64(1)))
			} else {
				page.Patients = append(page.Patients, store.KnownPatient(new(s.ColumnInt64(2))))
			}
			return nil
		}, from, max)
	})
	if seen == max {
		page.Next = page.Mark
	}
	return page, err
}
