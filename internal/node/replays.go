package node

import (
	"context"
	"time"

	"nems/internal/replay"
)

// replay works on replays until ctx ends.
func (n *node) replay(ctx context.Context) error {
	replay.New(replay.Config{
		Queue: n.db, Flagged: n.broker.Flagged, Owner: n.owner, Now: n.Now, Log: n.Log, Parallel: 4, Lease: 5 * time.Second, Poll: 500 * time.Millisecond,
	}).Run(ctx)
	return nil
}
