package postgres_test

import (
	"testing"

	"nems/internal/store/postgres"
	"nems/internal/store/postgres/pgtest"
	"nems/internal/store/storetest"
)

func TestViewersThatHangKeepNobodyFromWork(t *testing.T) {
	db := runNode(t, pgtest.Shared(t).Database(t))
	storetest.WithoutViewers(t, db, db.Hang, postgres.Viewers)
}
