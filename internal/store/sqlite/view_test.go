package sqlite

import (
	"context"
	"path/filepath"
	"testing"

	"zombiezen.com/go/sqlite"

	"nems/internal/store/storetest"
)

func TestViewersThatHangKeepNobodyFromWork(t *testing.T) {
	db, err := Open(filepath.Join(t.TempDir(), "nems.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Serve(t, db)
	storetest.WithoutViewers(t, db, func(ctx context.Context, started func()) error {
		return db.view(ctx, func(conn *sqlite.Conn) error {
			started()
			_, err := number(conn, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n") // has no end
			return err
		})
	}, viewers)
}
