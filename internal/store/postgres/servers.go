package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"nems/internal/store"
)

// How long things may take before they count as failed.
const (
	connectWait   = 5 * time.Second
	surveyWait    = 2 * time.Second // for servers that do not answer; within connectWait
	statementWait = 15 * time.Second
	commitWait    = 10 * time.Second // a batch of publishes and changes, with its COMMIT
	matchWait     = 5 * time.Second  // one short query, with a new connection
	lockWait      = 5 * time.Second
	poolSize      = 12
	viewerSize    = 3      // connections for what people look at
	oldest        = 150000 // server_version_num
)

// errOldPrimary: the server is one that another has taken over from.
var errOldPrimary = errors.New("the server is behind one that took over from it: refused, so that it confirms nothing")

// servers makes connections to the primary, whichever of the servers of the DSN
// that is. It remembers the highest WAL timeline it has seen: a primary that
// comes back after a standby was promoted has a lower one and is refused.
type servers struct {
	config   *pgxpool.Config
	log      *slog.Logger
	timeline atomic.Int64
	surveyed sync.Once
	// takenOver is called when a server with a higher timeline is met.
	takenOver func()
}

// newServers reads a DSN. Its errors do not repeat the DSN: it holds a password.
func newServers(dsn string, log *slog.Logger, takenOver func()) (*servers, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, unreadable(err)
	}
	s := &servers{config: config, log: log, takenOver: takenOver}
	c := config.ConnConfig
	attributes := c.ValidateConnect
	if attributes == nil {
		attributes = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	c.ValidateConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		if err := attributes(ctx, conn); err != nil {
			return err
		}
		s.surveyed.Do(func() { s.survey(ctx, attributes) })
		return s.fence(ctx, conn) // here, so that after a refusal the next host is tried
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectWait
	}
	for name, value := range map[string]string{
		"application_name":  "nems",
		"statement_timeout": milliseconds(statementWait),
		"lock_timeout":      milliseconds(lockWait),
		// Half-open connections must not hold locks for long.
		"idle_in_transaction_session_timeout": milliseconds(2 * statementWait),
		"tcp_keepalives_idle":                 "10",
		"tcp_user_timeout":                    milliseconds(statementWait),
		// Plans are made once and must fit a table that grows: the indexes always do.
		"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
		"jit": "off", "timezone": "UTC",
	} {
		if _, given := c.RuntimeParams[name]; !given {
			c.RuntimeParams[name] = value
		}
	}
	c.OnNotice = func(conn *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			conn.CustomData()[warningKey] = n.Message
		}
	}
	config.MaxConns = max(config.MaxConns, poolSize)
	config.MaxConnLifetime = time.Hour
	// A server without a network is silent: each idle connection to it would use up the
	// whole time of whoever gets it.
	config.PingTimeout = pingWait
	config.PrepareConn = func(_ context.Context, conn *pgx.Conn) (bool, error) { return s.current(conn), nil }
	return s, nil
}

// unreadable says what is wrong with a DSN without repeating it.
func unreadable(err error) error {
	why := ""
	if wrong := new(pgconn.ParseConfigError); errors.As(err, &wrong) {
		// A URL that cannot be taken apart may quote its password; what is said
		// of a single setting quotes that setting at most.
		said := pgconn.ParseConfigError(*wrong)
		said.ConnString = ""
		if _, text, _ := strings.Cut(said.Error(), "``: "); !strings.HasPrefix(text, "failed to parse") {
			why = text + "; "
		}
	}
	return errors.New("the database URL cannot be read: " + why + "expected postgres://USER@HOST:PORT/DATABASE")
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// timelineKey is where a connection remembers its server's timeline, warningKey
// the last warning that it heard.
const (
	timelineKey = "timeline"
	warningKey  = "warning"
)

// survey asks every server of the DSN for its timeline before the first one is
// believed: a node that has just started does not know of a failover, and the
// old primary may be back beside the new one.
func (s *servers) survey(ctx context.Context, attributes pgconn.ValidateConnectFunc) {
	ctx, cancel := context.WithTimeout(ctx, surveyWait)
	defer cancel()
	var all sync.WaitGroup
	for _, c := range eachHost(&s.config.ConnConfig.Config) {
		c.ValidateConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
			if err := attributes(ctx, conn); err != nil {
				return err
			}
			return s.fence(ctx, conn)
		}
		all.Go(func() {
			// One that does not answer, or is a standby, cannot confirm anything.
			if conn, err := pgconn.ConnectConfig(ctx, c); err == nil {
				_ = conn.Close(ctx)
			}
		})
	}
	all.Wait()
}

// eachHost cuts a configuration with several hosts into one for each; none when
// there is only one. A host stands there twice where TLS may be done without.
func eachHost(c *pgconn.Config) (out []*pgconn.Config) {
	type address struct {
		host string
		port uint16
	}
	of := map[address]*pgconn.Config{}
	ways := append([]*pgconn.FallbackConfig{{Host: c.Host, Port: c.Port, TLSConfig: c.TLSConfig}}, c.Fallbacks...)
	for _, way := range ways {
		at := address{way.Host, way.Port}
		if known := of[at]; known != nil {
			known.Fallbacks = append(known.Fallbacks, way)
			continue
		}
		alone := c.Copy()
		alone.Host, alone.Port, alone.TLSConfig, alone.Fallbacks = way.Host, way.Port, way.TLSConfig, nil
		of[at], out = alone, append(out, alone)
	}
	if len(out) == 1 {
		return nil
	}
	return out
}

// fence refuses a server on a lower timeline than the highest that was seen.
func (s *servers) fence(ctx context.Context, conn *pgconn.PgConn) error {
	// pg_control_checkpoint lags behind a promotion; the name of the segment
	// that is written does not.
	answer, err := conn.Exec(ctx, "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint").ReadAll()
	if err != nil {
		return err
	}
	timeline, err := strconv.ParseInt(string(answer[0].Rows[0][0]), 10, 64)
	if err != nil {
		return err
	}
	for {
		seen := s.timeline.Load()
		if timeline < seen {
			return errOldPrimary
		}
		if seen == timeline {
			break
		}
		if s.timeline.CompareAndSwap(seen, timeline) {
			s.takenOver()
			break
		}
	}
	conn.CustomData()[timelineKey] = timeline
	return nil
}

// current tells whether a connection still is to the newest primary.
func (s *servers) current(conn *pgx.Conn) bool { return timeline(conn) >= s.timeline.Load() }

// timeline is that of a connection's server, above 0; 0 before it is known.
func timeline(conn *pgx.Conn) int64 {
	t, _ := conn.PgConn().CustomData()[timelineKey].(int64)
	return t
}

// warned takes the last warning that a connection heard. One during COMMIT means
// that the commit was not replicated as it was to be: it may be gone after a
// failover (SQLSTATE 01000).
func warned(conn *pgx.Conn) error {
	data := conn.PgConn().CustomData()
	warning, heard := data[warningKey]
	delete(data, warningKey)
	if !heard {
		return nil
	}
	return fmt.Errorf("%w: %v", store.ErrUnknown, warning)
}

// connect makes a connection for one writer.
func (s *servers) connect(ctx context.Context) (*pgx.Conn, error) {
	return pgx.ConnectConfig(ctx, s.config.ConnConfig.Copy())
}

func (s *servers) pool(ctx context.Context) (*pgxpool.Pool, error) {
	return pgxpool.NewWithConfig(ctx, s.config.Copy())
}

// viewers makes the few connections for what people look at, see DB.view. The
// server ends their statements where the node cannot.
func (s *servers) viewers(ctx context.Context) (*pgxpool.Pool, error) {
	config := s.config.Copy()
	config.MaxConns, config.MinConns, config.MinIdleConns = viewerSize, 0, 0
	config.ConnConfig.RuntimeParams["statement_timeout"] = milliseconds(store.ViewWait)
	return pgxpool.NewWithConfig(ctx, config)
}

// check looks at the server before anything else is done with it.
func (s *servers) check(ctx context.Context) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return plain(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var version int
	var safe string
	err = conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int,
		concat_ws(', ', CASE WHEN current_setting('fsync') = 'off' THEN 'fsync' END,
			CASE WHEN current_setting('full_page_writes') = 'off' THEN 'full_page_writes' END,
			CASE WHEN current_setting('synchronous_commit') IN ('off') THEN 'synchronous_commit' END)`).Scan(&version, &safe)
	if err != nil {
		return plain(err)
	}
	if version < oldest {
		return fmt.Errorf("expected version 15 or newer; received %d", version/10000)
	}
	if safe != "" {
		s.log.Warn("the database may lose what it has confirmed: it runs without " + safe)
	}
	return nil
}

// Clock is the database server's.
func (db *DB) Clock(ctx context.Context) (at time.Time, err error) {
	err = db.read(ctx, func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&at)
	})
	return at, err
}
