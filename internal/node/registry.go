package node

import (
	"context"
	"log/slog"
	"time"
)

// refresh is how often the registry is checked for changes made elsewhere, and
// files for new content: a revocation is in force on every node within this
// time.
const refresh = 500 * time.Millisecond

// registry keeps what is held in memory up to date with what operators change:
// systems and the life cycles of event types.
type registry struct {
	// version grows with every change in the store.
	version func(ctx context.Context) (int64, error)
	// loaders read everything again.
	loaders []func(ctx context.Context) error
	log     *slog.Logger
	loaded  int64 // version that was read last; -1 before the first
}

// load reads everything if it has changed. The version is read first, so that a
// change in between is read twice, and never missed.
func (r *registry) load(ctx context.Context) error {
	version, err := r.version(ctx)
	if err != nil || version == r.loaded {
		return err
	}
	for _, load := range r.loaders {
		if err := load(ctx); err != nil {
			return err
		}
	}
	r.loaded = version
	return nil
}

// follow keeps it up to date until the context ends.
func (r *registry) follow(ctx context.Context) error {
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := r.load(ctx); err != nil && ctx.Err() == nil {
				r.log.Error("reading the registry", "error", err)
			}
		}
	}
}
