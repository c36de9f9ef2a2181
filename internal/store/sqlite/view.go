package sqlite

import (
	"context"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
)

// view reads for somebody who looks: a page, a search, a list, a metric. Such
// reads have connections of their own, so that publishing and collecting never
// wait for one. It ends after store.ViewWait with store.ErrBusy, in the middle
// of a statement too.
func (db *DB) view(ctx context.Context, f func(*sqlite.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, store.ViewWait)
	defer cancel()
	err := db.viewers.read(ctx, func(conn *sqlite.Conn) error {
		conn.SetInterrupt(ctx.Done())
		defer conn.SetInterrupt(nil) // before the transaction is ended
		return f(conn)
	})
	switch {
	case err == nil || ctx.Err() == nil:
		return err
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%w: reading took more than %s", store.ErrBusy, store.ViewWait)
	}
	return ctx.Err()
}
