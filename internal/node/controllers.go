package node

import (
	"context"
	"sync/atomic"

	"nems/internal/controllers"
	"nems/internal/operator"
	"nems/internal/store"
)

// controllerCatalogue is the controller catalogue as the store has it.
type controllerCatalogue struct {
	read interface {
		ControllerRows(ctx context.Context) ([]store.ControllerRow, error)
	}
	current atomic.Pointer[controllers.Catalogue]
}

// now returns the present rows.
func (c *controllerCatalogue) now() *controllers.Catalogue { return c.current.Load() }

// load reads the rows. A row that cannot be read is an error, and those that were
// read before stay in force: without it the catalogue would permit less, or more,
// than it says.
func (c *controllerCatalogue) load(ctx context.Context) error {
	rows, err := operator.ReadControllers(ctx, c.read)
	if err == nil {
		c.current.Store(rows)
	}
	return err
}

// display returns an event type's name for people.
func (n *node) display(event string) string {
	if t, found := n.types.now().Type(event); found {
		return t.Display
	}
	return event
}
