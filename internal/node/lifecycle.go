package node

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"

	"nems/internal/catalogue"
	"nems/internal/operator"
	"nems/internal/store"
)

// eventTypes is the catalogue together with the life cycles that operators have
// set.
type eventTypes struct {
	base    *catalogue.Catalogue
	read    func(ctx context.Context) ([]store.LifeCycle, error)
	log     *slog.Logger
	current atomic.Pointer[catalogue.Catalogue]
}

// now returns the present event types.
func (t *eventTypes) now() *catalogue.Catalogue { return t.current.Load() }

// reserves reports whether copies of events have a workflow id. The comparison
// ignores case, because a receiver may ignore it too.
func (n *node) reserves(workflow string) bool {
	return slices.ContainsFunc(n.types.now().Types(), func(t *catalogue.EventType) bool { return strings.EqualFold(t.Workflow, workflow) })
}

// load reads the life cycles.
func (t *eventTypes) load(ctx context.Context) error {
	rows, err := t.read(ctx)
	if err != nil {
		return err
	}
	changed := make(map[string]catalogue.LifeCycle, len(rows))
	for _, row := range rows {
		life, err := operator.DecodeLifeCycle(row)
		if err != nil {
			// The event type keeps the state in its file.
			t.log.Error("a stored life cycle cannot be read and is ignored", "event_type", row.Code, "error", err)
			continue
		}
		if missing := life.Lacks(); len(missing) > 0 {
			t.log.Warn("callers are told less than they should be about a deprecated event type: set its life cycle again with nems event-types set", "event_type", row.Code, "missing", missing)
		}
		changed[row.Code] = life
	}
	t.current.Store(t.base.WithLifeCycles(changed))
	return nil
}
