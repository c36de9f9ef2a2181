package postgres

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/store"
)

// nonce is the digest of a token, used at a moment.
type nonce struct {
	digest [16]byte
	at     int64
}

// UseNonce is mailbox.Boxes'. Digests are kept for Options.NonceWindow at
// least.
func (db *DB) UseNonce(ctx context.Context, digest [16]byte, at time.Time) (bool, error) {
	return db.nonces.Submit(ctx, nonce{digest, at.UnixMicro()})
}

// useNonces records many digests with one statement. Its commit does not wait
// for the disk: after a crash of the database the last moments may be forgotten.
func (db *DB) useNonces(ops []nonce, out []store.Outcome[bool]) error {
	ctx, cancel := context.WithTimeout(context.Background(), statementWait)
	defer cancel()
	first := map[[16]byte]int{} // of those in this batch that are equal, one is fresh
	var digests [][]byte
	var latest int64
	for i, op := range ops {
		if _, there := first[op.digest]; !there {
			first[op.digest] = i
			digests = append(digests, op.digest[:])
		}
		latest = max(latest, op.at)
	}
	// In one order on every node, so that two of them never wait for each other.
	slices.SortFunc(digests, bytes.Compare)
	return db.change(ctx, func(ctx context.Context, tx pgx.Tx) error {
		for _, i := range first {
			out[i].Value = false // of a run that was rolled back
		}
		b := &pgx.Batch{}
		b.Queue("SET LOCAL synchronous_commit = off")
		b.Queue(`INSERT INTO nonce AS n (digest, at) SELECT d, $2 FROM unnest($1::bytea[]) d
			ON CONFLICT (digest) DO UPDATE SET at = excluded.at WHERE n.at < excluded.at - $3 RETURNING digest`,
			digests, latest, db.opts.NonceWindow.Microseconds())
		answers := tx.SendBatch(ctx, b)
		defer func() { _ = answers.Close() }()
		if _, err := answers.Exec(); err != nil {
			return err
		}
		rows, err := answers.Query()
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var digest []byte
			if err := rows.Scan(&digest); err != nil {
				return err
			}
			out[first[[16]byte(digest)]].Value = true
		}
		return rows.Err()
	})
}
