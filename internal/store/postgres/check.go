package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
)

// maxNamed is how many rows of one kind a check names; further ones are counted.
const maxNamed = 10

// checking reads a database in one state.
type checking struct {
	conn   *pgx.Conn
	health store.Health
}

// Check reads a database from end to end: that rows which need one another are there,
// that every message has the SHA-256 taken when it was published, that sequences are
// above the rows, and with which settings the server may lose what it confirms. It
// writes nothing; nodes may run on it. progress, if not nil, is told of events.
func Check(ctx context.Context, dsn string, progress func(done, all int)) (store.Health, error) {
	conn, err := connectToMove(ctx, dsn)
	if err != nil {
		return store.Health{}, fmt.Errorf("PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	c := &checking{conn: conn}
	err = prepareSchema(ctx, dsn, false)
	if err == nil {
		_, err = conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	}
	for _, step := range []func(context.Context) error{c.references, c.transactions, c.sequences, c.drift, c.settings, c.replication} {
		if err == nil {
			err = step(ctx)
		}
	}
	if err == nil {
		err = c.messages(ctx, progress)
	}
	if err != nil {
		return c.health, fmt.Errorf("PostgreSQL: %w", plain(err))
	}
	return c.health, nil
}

// texts runs a statement whose rows are texts.
func (c *checking) texts(ctx context.Context, statement string, args ...any) ([]string, error) {
	return all(ctx, c.conn, func(r pgx.Rows) (text string, err error) { return text, r.Scan(&text) }, statement, args...)
}

// references are rows that something needs, and that are not there. Each statement
// says what is wrong with one row.
var references = []string{
	`SELECT 'event ' || c.position || ' is missing, and mailbox ' || c.mailbox || ' has a copy of it' FROM (
		SELECT position, mailbox FROM inbox WHERE type <> 0 UNION ALL SELECT position, mailbox FROM collected WHERE type <> 0) c
		WHERE NOT EXISTS (SELECT FROM event e WHERE e.id = c.position)`,
	`SELECT 'event ' || e.id || ': it made ' || e.copies || ' copies, and ' || coalesce(c.n, 0) || ' are there (a reset of mailboxes, in dev mode, takes copies away too)' FROM event e
		LEFT JOIN (SELECT position, count(*) AS n FROM (SELECT position FROM inbox WHERE type <> 0 UNION ALL SELECT position FROM collected WHERE type <> 0) f GROUP BY 1) c
		ON c.position = e.id WHERE e.copies > coalesce(c.n, 0) AND NOT EXISTS (SELECT FROM fanout f WHERE f.event = e.id)`,
	"SELECT 'message ' || i.position || ' is missing, and it waits in mailbox ' || i.mailbox FROM inbox i WHERE type = 0 AND NOT EXISTS (SELECT FROM message m WHERE m.position = i.position)",
	"SELECT 'message ' || m.position || ' has none of its bytes' FROM message m WHERE status = 'accepted' AND size > 0 AND NOT EXISTS (SELECT FROM piece p WHERE p.position = m.position)",
	"SELECT 'event ' || f.event || ' is missing, and its copies are still to be filed' FROM fanout f WHERE NOT EXISTS (SELECT FROM event e WHERE e.id = f.event)",
	"SELECT 'event ' || p.event || ' is missing, and it is still to be routed' FROM pending p WHERE NOT EXISTS (SELECT FROM event e WHERE e.id = p.event)",
	"SELECT 'event type ' || e.type || ' is missing, and event ' || min(e.id) || ' is of it' FROM event e WHERE NOT EXISTS (SELECT FROM event_type t WHERE t.id = e.type) GROUP BY e.type",
	`SELECT 'mailbox ' || b.mailbox || ' is missing, and ' || b.what || ' name it' FROM (SELECT DISTINCT mailbox, 'subscriptions' AS what FROM subscription
		UNION SELECT DISTINCT mailbox, 'copies' FROM inbox) b WHERE NOT EXISTS (SELECT FROM mailbox m WHERE m.row = b.mailbox)`,
	"SELECT 'subscription ' || encode(r.id, 'hex') || ' is missing, and events are matched to it' FROM route r WHERE NOT EXISTS (SELECT FROM subscription s WHERE s.id = r.id)",
	`SELECT 'link ' || c.seq || ' of chain ' || c.chain || ' of the audit is missing, or another than the last' FROM audit_chain c
		WHERE NOT EXISTS (SELECT FROM audit_link l WHERE l.chain = c.chain AND l.seq = c.seq AND l.hash = c.hash)`,
	"SELECT DISTINCT 'chain ' || l.chain || ' of the audit is missing in audit_chain' FROM audit_link l WHERE NOT EXISTS (SELECT FROM audit_chain c WHERE c.chain = l.chain)",
}

func (c *checking) references(ctx context.Context) error {
	for _, statement := range references {
		found, err := c.texts(ctx, statement+" LIMIT "+strconv.Itoa(maxNamed+1))
		if err != nil {
			return err
		}
		if len(found) > maxNamed {
			found = append(found[:maxNamed], "… and more of the same kind")
		}
		c.health.Damage = append(c.health.Damage, found...)
	}
	return nil
}

// transactions finds numbers of transactions that this server has not come to: those of
// a dump that another one made.
func (c *checking) transactions(ctx context.Context) error {
	found, err := c.texts(ctx, foreignTables)
	if len(found) > 0 {
		c.health.Damage = append(c.health.Damage, fmt.Sprintf("%v: numbers of transactions are those of another server, and nodes would not see these rows: "+
			"a dump was restored here; stop all nodes and run nems restore --database with this database", found))
	}
	return err
}

// sequences compares each with the rows that it numbers.
func (c *checking) sequences(ctx context.Context) error {
	for _, s := range sequences {
		found, err := c.texts(ctx, fmt.Sprintf(`SELECT 'the sequence of %[1]s.%[2]s stands at ' || coalesce(q.last_value, 0) || ', and a row has ' || m.top
			FROM (SELECT max(%[2]s) AS top FROM %[1]s) m, pg_sequences q
			WHERE q.schemaname = current_schema() AND (quote_ident(q.schemaname) || '.' || quote_ident(q.sequencename))::regclass = pg_get_serial_sequence('%[1]s', '%[2]s')::regclass
			AND m.top > coalesce(q.last_value, 0)`, s.table, s.column))
		if err != nil {
			return err
		}
		c.health.Damage = append(c.health.Damage, found...)
	}
	return nil
}

// drift compares the counters of quotas with the tables.
func (c *checking) drift(ctx context.Context) (err error) {
	c.health.Drift, err = all(ctx, c.conn, func(r pgx.Rows) (d store.QuotaDrift, err error) {
		var quota int64
		err = r.Scan(&quota, &d.Owner, &d.Short)
		d.Quota = store.Quota(quota)
		return d, err
	}, `SELECT quota::bigint, owner, coalesce(d.used, 0) - coalesce(u.used, 0) FROM quota_due d
		FULL JOIN (SELECT quota, owner, sum(used)::bigint AS used FROM quota_use GROUP BY 1, 2) u USING (quota, owner)
		WHERE coalesce(d.used, 0) <> coalesce(u.used, 0)`)
	return err
}

// settings are those with which a server loses what it has confirmed.
func (c *checking) settings(ctx context.Context) error {
	found, err := c.texts(ctx, `SELECT name || ' is ' || setting || ': ' || CASE name
			WHEN 'synchronous_commit' THEN 'a crash loses the last moments of what was acknowledged'
			WHEN 'fsync' THEN 'a power cut can destroy the whole database' ELSE 'a power cut can tear pages' END
		FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off' ORDER BY name`)
	c.health.Risks = append(c.health.Risks, found...)
	return err
}

// replication says what would be left if the server's disk were lost.
func (c *checking) replication(ctx context.Context) error {
	// Columns are NULL for a role that may not see them (pg_read_all_stats).
	standbys, err := c.texts(ctx, `SELECT 'standby ' || coalesce(nullif(application_name, ''), '?') || ': ' || coalesce(state, 'state not visible to this role') || ', ' || coalesce(sync_state, '?')
			|| coalesce(', behind by ' || pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)), '')
		FROM pg_stat_replication WHERE application_name NOT IN ('pg_basebackup', 'pg_receivewal') ORDER BY 1`)
	if err != nil {
		return err
	}
	if len(standbys) == 0 {
		standbys = []string{"no standby follows the server: what its disk loses is in backups alone"}
	}
	c.health.Remarks = append(c.health.Remarks, standbys...)
	waiting, err := c.texts(ctx, `SELECT 'synchronous_standby_names is ' || current_setting('synchronous_standby_names') || ', and no standby is synchronous: commits wait'
		WHERE current_setting('synchronous_standby_names') <> '' AND NOT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))
		AND current_setting('synchronous_commit') NOT IN ('off', 'local')`)
	if err != nil {
		return err
	}
	c.health.Risks = append(c.health.Risks, waiting...)
	archive, err := c.texts(ctx, `SELECT CASE WHEN current_setting('archive_mode') = 'off' THEN 'WAL is not archived: a backup restores to its own moment and no later'
			WHEN last_failed_time > coalesce(last_archived_time, '-infinity') THEN 'archiving WAL fails since ' || last_failed_time
			ELSE 'WAL is archived, last at ' || coalesce(last_archived_time::text, 'no time yet') END FROM pg_stat_archiver`)
	c.health.Remarks = append(c.health.Remarks, archive...)
	return err
}

// checkPage is how many messages are read at a time.
const checkPage = 500

// stored is an event's message as it is stored.
type stored struct {
	id   int64
	body store.Body
	sum  []byte
}

// messages unpacks every message and compares its SHA-256.
func (c *checking) messages(ctx context.Context, progress func(done, all int)) error {
	var total int
	if err := c.conn.QueryRow(ctx, "SELECT count(*) FROM event").Scan(&total); err != nil {
		return err
	}
	for after := int64(-1); ; {
		page, err := all(ctx, c.conn, func(r pgx.Rows) (s stored, err error) {
			return s, r.Scan(&s.id, &s.body.Codec, &s.body.Size, &s.sum, &s.body.Data)
		}, "SELECT id, codec, size, sha256, body FROM event WHERE id > $1 ORDER BY id LIMIT $2", after, checkPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, s := range page {
			whole, err := c.whole(ctx, &s)
			if err != nil {
				return err
			}
			if !whole {
				c.health.Damaged = append(c.health.Damaged, s.id)
			}
			after = s.id
		}
		c.health.Events += len(page)
		if progress != nil {
			progress(c.health.Events, total)
		}
	}
}

// whole tells whether a message is as it was published.
func (c *checking) whole(ctx context.Context, s *stored) (bool, error) {
	if s.body.Data == nil {
		pieces, err := all(ctx, c.conn, func(r pgx.Rows) (b []byte, err error) { return b, r.Scan(&b) }, "SELECT data FROM event_piece WHERE event = $1 ORDER BY n", s.id)
		if err != nil {
			return false, err
		}
		for _, p := range pieces {
			s.body.Data = append(s.body.Data, p...)
		}
	}
	if len(s.sum) != len(s.body.SHA256) {
		return false, nil
	}
	copy(s.body.SHA256[:], s.sum)
	_, err := s.body.Open()
	return err == nil, nil
}
