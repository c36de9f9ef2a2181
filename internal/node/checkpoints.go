package node

import (
	"context"
	"errors"
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
	written := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "nems_audit_checkpoint_timestamp_seconds", Help: "When the last checkpoint of the audit was written; 0 before the first.",
	})
	n.metrics.registry.MustRegister(written)
	write := audit.AppendLine(file)
	return &audit.Keeper{
		Heads: n.db.Heads, Key: private, Now: n.Now,
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

// lastCheckpoint covers what was committed after the listeners were closed.
func (n *node) lastCheckpoint() {
	if n.checkpoints == nil {
		return
	}
	if err := n.checkpoints.Checkpoint(context.Background()); err != nil {
		n.Log.Error("the last checkpoint", "error", err)
	}
}
