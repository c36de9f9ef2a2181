package ledger

import (
	"context"

	"nems/internal/store"
)

// QuotaRefusals is database.Quotas'.
func (l *Ledger) QuotaRefusals(q store.Quota) uint64 { return l.quotas.Refused(q) }

// QuotaUse is operator.Uses'.
func (l *Ledger) QuotaUse(ctx context.Context, q store.QuotaQuery) ([]store.QuotaUse, error) {
	statement := `SELECT owner, CAST(sum(used) AS bigint) FROM quota_use WHERE quota = $1 AND ($2 = '' OR owner = $2)
		GROUP BY owner HAVING sum(used) > 0 AND (CAST($4 AS bigint) = 0 OR sum(used) < $4 OR sum(used) = $4 AND owner > $5) ORDER BY 2 DESC, 1 LIMIT $3`
	if q.Quota == store.MessagesQuota || q.Quota == store.BytesQuota {
		statement = `SELECT m.id, CAST(sum(u.used) AS bigint) FROM quota_use u JOIN mailbox m ON m.row = CAST(u.owner AS bigint)
			WHERE u.quota = $1 AND ($2 = '' OR ` + l.dialect.SameID("m.id", "$2") + `) GROUP BY m.id
			HAVING sum(u.used) > 0 AND (CAST($4 AS bigint) = 0 OR sum(u.used) < $4 OR sum(u.used) = $4 AND m.id > $5) ORDER BY 2 DESC, 1 LIMIT $3`
	}
	return read(ctx, l.engine.View, func(r Row) (store.QuotaUse, error) {
		u := store.QuotaUse{Quota: q.Quota}
		return u, r.Scan(&u.Owner, &u.Used)
	}, statement, int64(q.Quota), q.Owner, q.Max, q.AfterUsed, q.AfterOwner)
}
