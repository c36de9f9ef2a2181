package ledger

import (
	"context"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
)

// putEndpoint stores an endpoint, if its version is still the one that was read.
type putEndpoint struct {
	store.Endpoint
	owner string // whose subscription brings it along; "" for operators'
	due   bool   // its lane is due at once
	entry *audit.Entry
}

// PutEndpoint is operator.Endpoints'.
func (l *Ledger) PutEndpoint(ctx context.Context, e store.Endpoint, entry audit.Entry) error {
	_, err := l.engine.Commit(ctx, putEndpoint{e, "", true, &entry})
	return err
}

// NoteEndpoint is webhook.Endpoints'.
func (l *Ledger) NoteEndpoint(ctx context.Context, e store.Endpoint) error {
	_, err := l.engine.Change(ctx, putEndpoint{e, "", false, nil})
	return err
}

func (o putEndpoint) Apply(tx Tx) (any, error) {
	args := []any{o.Mailbox.Row, notNull(o.Value), o.Version, orNull(store.HeldBy(o.Value))}
	statement := "UPDATE endpoint SET value = $2, version = version + 1, held = $4 WHERE mailbox = $1 AND version = $3"
	if o.Version == 0 {
		statement = "INSERT INTO endpoint (mailbox, value, version, held, channel, owner) VALUES ($1, $2, $3 + 1, $4, $5, $6) ON CONFLICT (mailbox) DO NOTHING"
		args = append(args, string(o.Channel), o.owner)
	}
	n, err := tx.Exec(statement, args...)
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, refuse(store.ErrChanged)
	}
	record(tx, o.entry)
	if o.due {
		tx.Later("UPDATE lane SET next_attempt = 0, failures = 0 WHERE mailbox = $1", o.Mailbox.Row)
	}
	return nil, nil
}

// EndpointsAfter is operator.Endpoints'.
func (l *Ledger) EndpointsAfter(ctx context.Context, row int64, max int) ([]store.Endpoint, error) {
	return l.endpoints(ctx, "e.mailbox > $1 ORDER BY e.mailbox LIMIT $2", row, max)
}

// EndpointsOf is database.Targets'.
func (l *Ledger) EndpointsOf(ctx context.Context, ods nhs.ODSCode, c store.Channel, row int64, max int) ([]store.Endpoint, error) {
	return l.endpoints(ctx, "m.ods = $1 AND e.channel = $2 AND e.mailbox > $3 ORDER BY e.mailbox LIMIT $4", string(ods), string(c), row, max)
}

// Endpoint is webhook.Endpoints'.
func (l *Ledger) Endpoint(ctx context.Context, row int64) (store.Endpoint, error) {
	return store.First(l.endpoints(ctx, "e.mailbox = $1", row))
}

func (l *Ledger) endpoints(ctx context.Context, condition string, args ...any) ([]store.Endpoint, error) {
	return read(ctx, l.engine.Read, func(r Row) (e store.Endpoint, err error) {
		m := &e.Mailbox
		return e, r.Scan(&m.Row, &m.ID, &m.Name, &m.ODS, &m.Remote, &e.Value, &e.Version, &e.Channel)
	}, "SELECT m.row, m.id, m.name, m.ods, m.remote, e.value, e.version, e.channel FROM endpoint e JOIN mailbox m ON m.row = e.mailbox WHERE "+condition, args...)
}
