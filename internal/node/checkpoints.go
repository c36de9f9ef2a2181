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

// checkpointEvery is how often the ends of the audit's chains are signed. nems
// audit verify vouches for everything up to the last checkpoint.
const checkpointEvery = time.Minute

// checkpointsFile is the name of the file of checkpoints in a data folder.
const checkpointsFile = "audit.checkpoints"

// signer returns what signs the checkpoints of the audit; nil if no key is set.
func (n *node) signer() (*audit.Signer, error) {
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
		file = filepath.Join(n.Data, checkpointsFile)
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
	return &audit.Signer{
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

// knownEnds compares the database with its checkpoints before the node starts.
// Anything that one of them has and the other lacks was committed or signed, and
// is lost. If the node started anyway, the loss would be hidden.
func (n *node) knownEnds(ctx context.Context) error {
	if n.checkpoints == nil {
		return nil
	}
	lost, err := lostEnds(ctx, n.db, n.witness(n.checkpoints.Public()), n.checkpoints.Last)
	if err != nil || lost == nil {
		return err
	}
	if !n.Dev && !n.AcceptLostTail {
		return lost
	}
	n.Log.Error("starting with a database or checkpoints that have lost something", "why", lost)
	n.db.Record(audit.Entry{At: n.Now(), Action: audit.ActionAcceptLostTail, Object: lost.since.UTC().Format(time.RFC3339), Count: lost.links})
	return nil
}

// firstCheckpoint signs the chain of this start as soon as it has a link. A chain
// without a checkpoint would look as if somebody had inserted it.
func (n *node) firstCheckpoint(ctx context.Context) error {
	if n.checkpoints == nil {
		return nil
	}
	before := n.db.Stats().Commits
	n.db.Record(audit.Entry{At: n.Now(), Action: audit.ActionStart, Object: n.owner})
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

// signEnds writes a checkpoint, and then has the database witness it. The order
// matters: the other way round, a crash in between would look like a line that
// was cut off. Housekeeping and the start may call it at the same time.
func (n *node) signEnds(ctx context.Context) error {
	n.signing.Lock()
	defer n.signing.Unlock()
	if err := n.checkpoints.Checkpoint(ctx); err != nil || n.checkpoints.Last.Place.Number == 0 {
		return err
	}
	// A stop does not separate the two, because the store outlives the callers.
	return n.db.PutWitness(context.WithoutCancel(ctx), n.witness(n.checkpoints.Public()), witnessed(n.checkpoints.Last))
}

// lastCheckpoint covers what was committed after the listeners were closed. The
// database has been stopped by then and need not witness it.
func (n *node) lastCheckpoint() {
	if n.checkpoints == nil {
		return
	}
	if err := n.checkpoints.Checkpoint(context.Background()); err != nil {
		n.Log.Error("the last checkpoint", "error", err)
	}
}
