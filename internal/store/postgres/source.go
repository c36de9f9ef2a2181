package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nems/internal/store/portable"
)

// source is a database that a service moves from.
type source struct{ exchange }

var _ portable.Source = (*source)(nil)

// OpenSource opens the database of dsn to move from it, in one state of it. It returns
// portable.ErrInUse while nodes run, and keeps them from starting until Close. Nothing
// in it is changed. The schema must be this version's.
func OpenSource(ctx context.Context, dsn string, o portable.Options) (portable.Source, error) {
	s := &source{exchange{options: o, source: true}}
	if err := s.open(ctx, dsn); err != nil {
		return nil, errors.Join(fmt.Errorf("PostgreSQL: %w", err), s.Close())
	}
	return s, nil
}

func (s *source) open(ctx context.Context, dsn string) error {
	conn, err := connectToMove(ctx, dsn)
	if err != nil {
		return err
	}
	s.conn = conn
	if err := prepareSchema(ctx, dsn, false); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ"); err != nil {
		return plain(err)
	}
	return alone(ctx, conn)
}

// Close is portable.Source's. It ends the transaction, which has written nothing.
func (s *source) Close() error {
	if s.conn == nil {
		return nil
	}
	return s.conn.Close(context.Background())
}

// connectToMove makes a connection whose statements may take their time.
func connectToMove(ctx context.Context, dsn string) (*pgx.Conn, error) {
	servers, err := newServers(dsn, slog.New(slog.DiscardHandler), func() {})
	if err != nil {
		return nil, err
	}
	if err := servers.check(ctx); err != nil {
		return nil, err
	}
	for name, value := range map[string]string{
		"application_name": "nems migrate", "statement_timeout": "0", "idle_in_transaction_session_timeout": "0",
		"enable_seqscan": "on", "enable_hashjoin": "on", "enable_mergejoin": "on",
	} {
		servers.config.ConnConfig.RuntimeParams[name] = value
	}
	conn, err := servers.connect(ctx)
	return conn, plain(err)
}

// alone locks the table of nodes, in the transaction that has begun, so that none can
// start, and returns portable.ErrInUse where one runs.
func alone(ctx context.Context, q querier) error {
	_, err := q.Exec(ctx, "LOCK TABLE node IN EXCLUSIVE MODE")
	if answered := new(pgconn.PgError); errors.As(err, &answered) && answered.Code == "55P03" {
		return fmt.Errorf("another move, or a node that is just starting, uses this database: %w", portable.ErrInUse)
	}
	if err != nil {
		return plain(err)
	}
	running, err := all(ctx, q, func(r pgx.Rows) (text string, err error) { return text, r.Scan(&text) },
		`SELECT 'node ' || number || ' (its lease ends within ' || ceil(extract(epoch FROM expires - clock_timestamp())) || ' s)' FROM node WHERE expires > clock_timestamp()
		ORDER BY number`)
	if err != nil || len(running) == 0 {
		return plain(err)
	}
	from, err := all(ctx, q, func(r pgx.Rows) (text string, err error) { return text, r.Scan(&text) },
		`SELECT DISTINCT coalesce(host(client_addr), 'the server''s own machine') FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'nems' ORDER BY 1`)
	if err != nil {
		return plain(err)
	}
	where := "; nothing is connected now: a node that was killed, or whose lease came with a dump, is forgotten when the lease ends, so try again then"
	if len(from) > 0 {
		where = "; connected from " + strings.Join(from, ", ")
	}
	return fmt.Errorf("%s has this database%s: %w", strings.Join(running, ", "), where, portable.ErrInUse)
}

// Name names a database without user and password: postgres://HOST:PORT/DATABASE.
func Name(dsn string) string {
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		return "postgres://…"
	}
	return fmt.Sprintf("postgres://%s:%d/%s", c.Host, c.Port, c.Database)
}
