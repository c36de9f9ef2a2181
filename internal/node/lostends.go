package node

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"nems/internal/audit"
	"nems/internal/datafolder"
)

// ledger is the part of a database that can be compared with a file of checkpoints.
type ledger interface {
	Heads(ctx context.Context) ([]audit.Head, error)
	Witness(ctx context.Context, name string) ([]byte, error)
}

// lostError says that the database or the file of its checkpoints ends before
// the other shows. Acknowledged events may be gone.
type lostError struct {
	what  string
	hint  string    // what to look for
	since time.Time // of the checkpoint that knows more, or is missing
	links int       // ends that the database lacks
}

func (e *lostError) Error() string {
	return e.what + ". " + e.hint + "; to continue without what is lost, start once with --accept-lost-tail, which the audit records"
}

// lostEnds returns what a database lacks compared with its last checkpoint, or
// what the file of checkpoints lacks compared with what the database has
// witnessed. It returns nil when nothing is missing.
func lostEnds(ctx context.Context, l ledger, witness string, last audit.Checkpoint) (*lostError, error) {
	heads, err := l.Heads(ctx)
	if err != nil {
		return nil, err
	}
	if lost := last.Lost(heads); len(lost) > 0 {
		return &lostError{
			what: fmt.Sprintf("the database ends before its last checkpoint, of %s: it lacks link %d of chain %d and everything committed with it",
				last.At.UTC().Format(time.RFC3339), lost[0].Seq, lost[0].Chain),
			hint:  "It was replaced by an older copy, or the disk lost what it had confirmed. Look for the right database",
			since: last.At, links: len(lost),
		}, nil
	}
	value, err := l.Witness(ctx, witness)
	if err != nil || value == nil {
		return nil, err
	}
	var seen seenCheckpoint
	if err := json.Unmarshal(value, &seen); err != nil {
		return nil, fmt.Errorf("what the database witnessed of its checkpoints: %w", err)
	}
	if !seen.lackedBy(last) {
		return nil, nil
	}
	return &lostError{
		what: fmt.Sprintf("the file of the audit's checkpoints lacks checkpoint %d, of %s, which the database has witnessed",
			seen.Number, seen.At.UTC().Format(time.RFC3339)),
		hint:  "The file was emptied, cut off, removed or replaced, so a loss at the end of the database could not be noticed. Put the file back",
		since: seen.At,
	}, nil
}

// seenCheckpoint is a checkpoint that a database has witnessed.
type seenCheckpoint struct {
	Series string    `json:"series"`
	Number int64     `json:"number"`
	At     time.Time `json:"at"`
}

func witnessed(c audit.Checkpoint) []byte {
	value, _ := json.Marshal(seenCheckpoint{c.Place.Series, c.Place.Number, c.At}) // no value of this type fails
	return value
}

// lackedBy reports whether a file with this last checkpoint ends before s.
// Within a series the numbers grow whatever the clock does.
func (s seenCheckpoint) lackedBy(last audit.Checkpoint) bool {
	if last.Place.Series == s.Series {
		return last.Place.Number < s.Number
	}
	return last.At.Before(s.At)
}

// witness returns the database's name for the checkpoints that this node signs
// with a key; those of a new key begin again. The nodes of a shared database
// each have their own file.
func (c *Config) witness(key ed25519.PublicKey) string {
	name := fmt.Sprintf("checkpoints %x", sha256.Sum256(key))
	if !datafolder.IsPostgres(c.Database) {
		return name
	}
	host, _ := os.Hostname()
	return fmt.Sprintf("%s %s:%s", name, host, cmp.Or(c.AuditCheckpoints, filepath.Join(c.Data, checkpointsFile)))
}
