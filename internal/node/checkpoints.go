package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nems/internal/audit"
	"nems/internal/crashpoint"
	"nems/internal/operator"
)

// checkpointEvery is how often the ends of the audit's chains are signed:
// `nems audit verify` vouches up to the last time.
const checkpointEvery = time.Minute

// keeper is what signs the checkpoints of the audit, nil where no key is set.
func (n *node) keeper() (*audit.Keeper, error) {
	key, file := n.AuditKey, n.AuditCheckpoints
	if key == "" && n.Dev {
		key = filepath.Join(n.Data, "audit.key")
		if err := operator.MakeAuditKey(key); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, err
		}
	}
	if key == "" {
		n.Log.Warn("the audit has no checkpoints: entries cut off its end would not be noticed (set audit-key)")
		return nil, nil
	}
	if file == "" {
		file = filepath.Join(n.Data, "audit.checkpoints")
	}
	private, err := operator.ReadAuditKey(key)
	if err != nil {
		return nil, err
	}
	last, err := audit.LastCheckpoint(file, private.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("audit-checkpoints: %w", err)
	}
	written := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "nems_audit_checkpoint_timestamp_seconds", Help: "When the last checkpoint of the audit was written; 0 before the first.",
	})
	n.metrics.registry.MustRegister(written)
	write := audit.AppendLine(file)
	return &audit.Keeper{
		Heads: n.db.Heads, Key: private, Now: n.Now, Last: last,
		Write: func(line string) error {
			crashpoint.Hit(crashpoint.Checkpoint)
			err := write(line)
			if err == nil {
				written.SetToCurrentTime()
			}
			return err
		},
	}, nil
}

// errLost: acknowledged events may be gone.
var errLost = errors.New("the database ends before its last checkpoint")

// knownEnds holds the database against the last checkpoint before the node
// starts: what the checkpoint names and the database lacks was committed, and is
// lost. A node that went on would hide that.
func (n *node) knownEnds(ctx context.Context) error {
	if n.checkpoints == nil {
		return nil
	}
	heads, err := n.db.Heads(ctx)
	if err != nil {
		return err
	}
	lost := n.checkpoints.Last.Lost(heads)
	if len(lost) == 0 {
		return nil
	}
	at := n.checkpoints.Last.At.UTC().Format(time.RFC3339)
	text := fmt.Sprintf("%s, of %s: it lacks link %d of chain %d and whatever was committed with it", errLost, at, lost[0].Seq, lost[0].Chain)
	if !n.Dev && !n.AcceptLostTail {
		return fmt.Errorf("%w, of %s: it lacks link %d of chain %d and whatever was committed with it. An older copy was put in its place, or the disk lost what it had confirmed. "+
			"Look for the right database; to go on with this one, start once with --accept-lost-tail, which the audit records", errLost, at, lost[0].Seq, lost[0].Chain)
	}
	n.Log.Error("going on with a database that has lost something", "why", text)
	n.db.Record(audit.Entry{At: n.Now(), Action: "lost-tail", Object: at, Count: len(lost)})
	return nil
}

// firstCheckpoint names the chain of this start as soon as it has a link: a chain
// that no checkpoint names passes for one that somebody inserted.
func (n *node) firstCheckpoint(ctx context.Context) error {
	if n.checkpoints == nil {
		return nil
	}
	before := n.db.Stats().Commits
	n.db.Record(audit.Entry{At: n.Now(), Action: "start", Object: n.owner})
	tick := time.NewTicker(startTick)
	defer tick.Stop()
	for n.db.Stats().Commits == before {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	if err := n.signEnds(ctx); err != nil && ctx.Err() == nil {
		n.Log.Error("the first checkpoint", "error", err)
	}
	return nil
}

// startTick is how soon the first commit is noticed.
const startTick = 50 * time.Millisecond

// signEnds writes a checkpoint. The chore and the start may want to at once.
func (n *node) signEnds(ctx context.Context) error {
	n.signing.Lock()
	defer n.signing.Unlock()
	return n.checkpoints.Checkpoint(ctx)
}

// lastCheckpoint covers what was committed after the listeners were closed.
func (n *node) lastCheckpoint() {
	if n.checkpoints == nil {
		return
	}
	if err := n.signEnds(context.Background()); err != nil {
		n.Log.Error("the last checkpoint", "error", err)
	}
}
