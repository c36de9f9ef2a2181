package node

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"nems/internal/audit"
	"nems/internal/database"
	"nems/internal/nhs"
	"nems/internal/store"
)

// refresh is how often the registry is checked for changes made elsewhere, and
// files for new content: a revocation is in force on every node within this
// time.
const refresh = 500 * time.Millisecond

// registry keeps what is held in memory up to date with what operators change:
// systems, the life cycles of event types, and the controller catalogue.
type registry struct {
	// version grows with every change in the store.
	version func(ctx context.Context) (int64, error)
	// loaders read everything again.
	loaders []func(ctx context.Context) error
	log     *slog.Logger

	loading sync.Mutex
	loaded  int64 // version that was read last; -1 before the first
}

// load reads everything if it has changed. The version is read first, so that a
// change in between is read twice, and never missed.
func (r *registry) load(ctx context.Context) error {
	r.loading.Lock()
	defer r.loading.Unlock()
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

// registering is the store of this node's desk: what an operator changes is in force
// on this node before he has his answer. The other nodes follow.
type registering struct {
	database.Store
	registry *registry
	// changed does what follows from changed rows of the controller catalogue.
	changed func(ctx context.Context, organisations []nhs.ODSCode)
}

// PutSystem is operator.Registry's.
func (r registering) PutSystem(ctx context.Context, s store.System, e audit.Entry) error {
	return r.follow(ctx, r.Store.PutSystem(ctx, s, e))
}

// RevokeSystem is operator.Registry's.
func (r registering) RevokeSystem(ctx context.Context, asid nhs.ASID, e audit.Entry) error {
	return r.follow(ctx, r.Store.RevokeSystem(ctx, asid, e))
}

// PutLifeCycle is operator.Cycles'.
func (r registering) PutLifeCycle(ctx context.Context, c store.LifeCycle, e audit.Entry) error {
	return r.follow(ctx, r.Store.PutLifeCycle(ctx, c, e))
}

// ChangeControllerRows is operator.Controllers'.
func (r registering) ChangeControllerRows(ctx context.Context, put []store.ControllerRow, removed []string, entries []audit.Entry) error {
	if err := r.follow(ctx, r.Store.ChangeControllerRows(ctx, put, removed, entries)); err != nil {
		return err
	}
	var organisations []nhs.ODSCode
	for _, row := range put {
		organisations = append(organisations, organisationOf(row.ID))
	}
	for _, id := range removed {
		organisations = append(organisations, organisationOf(id))
	}
	slices.Sort(organisations)
	r.changed(ctx, slices.Compact(organisations))
	return nil
}

// organisationOf is the first part of the id of a row.
func organisationOf(id string) nhs.ODSCode {
	ods, _, _ := strings.Cut(id, "/")
	return nhs.ODSCode(ods)
}

// follow reads what has changed. That it could not be read is no failure of the change,
// which is stored: the registry tries again, and logs why it fails.
func (r registering) follow(ctx context.Context, err error) error {
	if err == nil {
		_ = r.registry.load(ctx)
	}
	return err
}
