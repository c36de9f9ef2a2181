package postgres

import "context"

const Viewers = viewerSize

// Hang reads as view does, until its context ends or the server breaks it off.
func (db *DB) Hang(ctx context.Context, started func()) error {
	return db.view(ctx, func(ctx context.Context, q querier) error {
		rows, err := q.Query(ctx, "SELECT 1 UNION ALL SELECT 2 FROM pg_sleep(60)")
		if err != nil {
			return err
		}
		defer rows.Close()
		started()
		for rows.Next() {
		}
		return rows.Err()
	})
}
