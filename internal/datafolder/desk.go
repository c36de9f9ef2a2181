package datafolder

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"nems/internal/audit"
	"nems/internal/catalogue"
	"nems/internal/database"
	"nems/internal/operator"
	"nems/internal/store"
	"nems/internal/store/sqlite"
)

// ErrRunning says that a service has the database open; ask the service instead.
var ErrRunning = sqlite.ErrLocked

// OpenDesk opens the database for an operator's work. An embedded database can
// be opened while the service is stopped; while it is running, the error is
// ErrRunning. The folder must exist. The database is made if it is missing, so
// that systems can be registered before the first start. close ends the work;
// changes are on disk before it is called.
func OpenDesk(folder, url string) (desk operator.Desk, close func() error, err error) {
	types, err := catalogue.Embedded()
	if err != nil {
		return desk, nil, err
	}
	db, err := openDeskDatabase(context.Background(), folder, url)
	if err != nil {
		return desk, nil, err
	}
	running, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(running) }()
	desk = operator.Desk{Store: db, Types: func() *catalogue.Catalogue { return types }, Now: time.Now, Signed: func() (audit.Checkpoint, error) { return lastCheckpoint(folder) }, Caller: operator.Caller{Roles: operator.AllRoles}}
	return desk, func() error {
		stop()
		return errors.Join(<-done, db.Close())
	}, nil
}

// lastCheckpoint is the last one that the service has signed, as far as it lies in its
// data folder; the zero Checkpoint without one.
func lastCheckpoint(folder string) (audit.Checkpoint, error) {
	key, err := operator.ReadAuditPublicKey(filepath.Join(folder, "audit.key.pub"))
	if errors.Is(err, os.ErrNotExist) {
		return audit.Checkpoint{}, nil
	}
	if err != nil {
		return audit.Checkpoint{}, err
	}
	return audit.LastCheckpoint(filepath.Join(folder, "audit.checkpoints"), key)
}

func openDeskDatabase(ctx context.Context, folder, url string) (database.Store, error) {
	if !IsPostgres(url) {
		path, err := Path(folder, url)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			return nil, err
		}
	}
	return Open(ctx, folder, url, store.Options{}, false)
}
