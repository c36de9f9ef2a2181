package postgres

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
	"nems/internal/store/ledger"
)

// owner is whose use of a quota is counted.
type owner struct {
	quota store.Quota
	name  string
}

// owners are those whose subscriptions a new one is counted with.
func (c *creation) owners() [2]owner {
	return [...]owner{{store.SystemQuota, string(c.ASID)}, {store.OrganisationQuota, string(c.ODS)}}
}

// uses are the uses of owners that a transaction is about.
type uses struct {
	before map[owner]int64 // committed, by all nodes
	change map[owner]int64 // by this transaction
}

func (u uses) add(n int64, owners ...owner) {
	for _, o := range owners {
		u.change[o] += n
	}
}

// askUses reads what the owners of new subscriptions have.
func (w *writer) askUses(ctx context.Context, tasks []task) error {
	w.uses = uses{map[owner]int64{}, map[owner]int64{}}
	asked := map[owner]int64{}
	for _, t := range tasks {
		for _, c := range created(t) {
			for _, o := range c.owners() {
				asked[o]++
			}
		}
	}
	if len(asked) == 0 {
		return nil
	}
	err := w.readUses(ctx, asked)
	if err != nil || !w.mayFill(asked) {
		return err
	}
	if _, err := w.conn.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", quotaLock); err != nil {
		return err
	}
	return w.readUses(ctx, asked)
}

// created are the subscriptions that a task creates.
func created(t task) []creation {
	switch c := t.change.(type) {
	case subscribe:
		return c.creations
	case verb:
		if s, ok := c.Op.(ledger.Subscribing); ok {
			return []creation{{s.Subscribes()}}
		}
	}
	return nil
}

// quotaLock is held, until they commit, by transactions that may fill a quota:
// the advisory lock "NEMS" 1.
const quotaLock = 0x4e454d53<<32 | 1

// apart is how many nodes may create subscriptions of one owner at once without
// asking each other: each leaves room for as many more. So a quota that is filled
// within one commit can be passed by the others under way, by an eighth of what
// was free for each.
const apart = 8

// mayFill tells whether the transaction may fill a quota. It then has to know
// what the others are about to commit.
func (w *writer) mayFill(asked map[owner]int64) bool {
	for o, n := range asked {
		limit, before := w.db.quotas.Of(o.quota), w.uses.before[o]
		if limit >= 0 && before < limit && before+apart*n > limit {
			return true
		}
	}
	return false
}

func (w *writer) readUses(ctx context.Context, asked map[owner]int64) error {
	var quotas []int16
	var names []string
	for o := range asked {
		quotas, names = append(quotas, int16(o.quota)), append(names, o.name)
	}
	rows, err := w.conn.Query(ctx, `SELECT o.quota, o.owner, coalesce(sum(u.used), 0)::bigint FROM unnest($1::smallint[], $2::text[]) AS o(quota, owner)
		LEFT JOIN quota_use u ON u.quota = o.quota AND u.owner = o.owner GROUP BY 1, 2`, quotas, names)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var quota, used int64
		var name string
		if err := rows.Scan(&quota, &name, &used); err != nil {
			return err
		}
		w.uses.before[owner{store.Quota(quota), name}] = used
	}
	return rows.Err()
}

// full is the quota that leaves no room for another subscription of its owners;
// 0: none.
func (w *writer) full(c *creation) store.Quota {
	for _, o := range c.owners() {
		if !w.db.quotas.Allows(o.quota, w.uses.before[o]+w.uses.change[o], 1) {
			return o.quota
		}
	}
	return 0
}

// queueUses writes what the transaction has changed.
func (w *writer) queueUses(b *pgx.Batch) {
	var quotas []int16
	var names []string
	var changes []int64
	order := slices.SortedFunc(maps.Keys(w.uses.change), func(a, b owner) int {
		return cmp.Or(cmp.Compare(a.quota, b.quota), cmp.Compare(a.name, b.name))
	})
	for _, o := range order {
		if n := w.uses.change[o]; n != 0 {
			quotas, names, changes = append(quotas, int16(o.quota)), append(names, o.name), append(changes, n)
		}
	}
	if len(quotas) > 0 {
		b.Queue(`INSERT INTO quota_use AS u SELECT quota, owner, pg_backend_pid(), used FROM unnest($1::smallint[], $2::text[], $3::bigint[]) AS o(quota, owner, used)
			ON CONFLICT (quota, owner, slot) DO UPDATE SET used = u.used + excluded.used`, quotas, names, changes)
	}
}

// foldEvery is how often the slots of connections that have ended are added up.
const foldEvery = time.Hour

// foldUses adds the slots of connections that have ended to slot 0. A new
// connection that gets the number of one of them waits, and begins a new slot.
func (db *DB) foldUses(ctx context.Context) error {
	now := db.opts.Now()
	if last := time.UnixMicro(db.folded.Load()); now.Sub(last) < foldEvery {
		return nil
	}
	_, err := db.exec(ctx, `WITH ended AS (DELETE FROM quota_use WHERE slot <> 0 AND slot NOT IN (SELECT pid FROM pg_stat_activity) RETURNING *)
		INSERT INTO quota_use AS u SELECT quota, owner, 0, sum(used) FROM ended GROUP BY 1, 2 ORDER BY 1, 2
		ON CONFLICT (quota, owner, slot) DO UPDATE SET used = u.used + excluded.used`)
	if err == nil {
		db.folded.Store(now.UnixMicro())
	}
	return err
}

// RecountQuotas is database.Quotas'.
func (db *DB) RecountQuotas(ctx context.Context) (drift []store.QuotaDrift, err error) {
	err = pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0; SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on"); err != nil {
			return err
		}
		drift, err = all(ctx, tx, func(r pgx.Rows) (d store.QuotaDrift, err error) {
			var quota int64
			err = r.Scan(&quota, &d.Owner, &d.Short)
			d.Quota = store.Quota(quota)
			return d, err
		}, `WITH drift AS MATERIALIZED (
				SELECT quota, owner, coalesce(d.used, 0) - coalesce(u.used, 0) AS short FROM quota_due d
				FULL JOIN (SELECT quota, owner, sum(used)::bigint AS used FROM quota_use GROUP BY 1, 2) u USING (quota, owner)
				WHERE coalesce(d.used, 0) <> coalesce(u.used, 0)),
			made AS (INSERT INTO quota_use AS u SELECT quota, owner, 0, short FROM drift ORDER BY 1, 2
				ON CONFLICT (quota, owner, slot) DO UPDATE SET used = u.used + excluded.used)
			SELECT quota, owner, short FROM drift`)
		return err
	})
	return drift, db.classify(err)
}
