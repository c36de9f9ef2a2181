package node

import (
	"context"
	"errors"
	"iter"
	"net"
	"os"
	"path/filepath"
	"time"

	"nems/internal/audit"
	"nems/internal/catalogue"
	"nems/internal/database"
	"nems/internal/operator"
	"nems/internal/store/postgres"
	"nems/internal/store/sqlite"
)

// ErrRunning: a service has the database open; ask it instead.
var ErrRunning = sqlite.ErrLocked

// OpenDesk opens the database for an operator's work. An embedded one can be
// opened while the service is stopped (ErrRunning while it is not); its folder
// must be there, the database is made if it is missing, so that systems can be
// registered before the first start. close ends it; what was changed is on disk
// before.
func OpenDesk(data, database string) (desk operator.Desk, close func() error, err error) {
	types, err := catalogue.Embedded()
	if err != nil {
		return desk, nil, err
	}
	db, err := openDeskDatabase(data, database)
	if err != nil {
		return desk, nil, err
	}
	running, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(running) }()
	desk = operator.Desk{Store: db, Types: func() *catalogue.Catalogue { return types }, Now: time.Now, Caller: operator.Caller{Roles: operator.AllRoles}}
	return desk, func() error {
		stop()
		return errors.Join(<-done, db.Close())
	}, nil
}

func openDeskDatabase(data, url string) (database.Store, error) {
	if isPostgres(url) {
		return opened(postgres.Open(context.Background(), url, postgres.Options{}))
	}
	path, err := databasePath(data, url)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return opened(sqlite.Open(path, sqlite.Options{}))
}

// AuditLinks yields the links of the audit in a database, for verifying: the
// service may be running on it.
func AuditLinks(ctx context.Context, data, database string) iter.Seq2[audit.Link, error] {
	return func(yield func(audit.Link, error) bool) {
		source, err := openAudit(ctx, data, database)
		if err != nil {
			yield(audit.Link{}, err)
			return
		}
		defer source.Close()
		source.Links(ctx, time.Time{}, time.Time{})(yield)
	}
}

// auditSource is a database opened for reading its audit.
type auditSource interface {
	ledger
	Links(ctx context.Context, from, to time.Time) iter.Seq2[audit.Link, error]
	Close() error
}

func openAudit(ctx context.Context, data, database string) (auditSource, error) {
	if isPostgres(database) {
		return postgres.Open(ctx, database, postgres.Options{})
	}
	path, err := databasePath(data, database)
	if err != nil {
		return nil, err
	}
	return sqlite.OpenReader(path)
}

// desk does operators' work for callers with these roles.
func (n *node) desk(roles ...operator.Role) operator.Desk {
	return operator.Desk{Store: n.db, Types: n.types.now, Now: n.Now, Quotas: new(n.Quotas.limits()), CursorKey: n.searchKey, Caller: operator.Caller{Roles: roles}}
}

// announce tells commands on this machine where the operators' door is, and
// what opens it. Without an operations listener there is none.
func (n *node) announce() error {
	for _, e := range n.endpoints {
		if e.name == "operations" || e.name == "dev" {
			return operator.WriteAccess(n.Data, operator.Access{URL: e.local(), Token: n.OperatorToken, Shared: isPostgres(n.Database)})
		}
	}
	return operator.EndAccess(n.Data, isPostgres(n.Database))
}

// local is the address by which this machine reaches the endpoint.
func (e *endpoint) local() string {
	host, port, err := net.SplitHostPort(e.socket.Addr().String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return e.scheme + "://" + net.JoinHostPort("localhost", port)
	}
	return e.address()
}
