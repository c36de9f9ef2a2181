package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"zombiezen.com/go/sqlite"

	"nems/internal/store"
)

// Connections are opened as they are needed, up to a limit, and the one that was
// used last is lent first.
func TestPoolLendsWhatIsWarm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nems.db")
	if err := opened(t, path, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	p, err := openPool(path, 2, readerCacheKiB)
	if err != nil {
		t.Fatal(err)
	}
	var first, second, again *sqlite.Conn
	lend := func(take **sqlite.Conn, inside func() error) error {
		return p.one(t.Context(), func(conn *sqlite.Conn) error { *take = conn; return inside() })
	}
	nothing := func() error { return nil }
	if err := lend(&first, nothing); err != nil {
		t.Fatal(err)
	}
	err = lend(&again, func() error {
		return lend(&second, func() error {
			waiting, cancel := context.WithCancel(t.Context())
			cancel()
			if err := p.one(waiting, func(*sqlite.Conn) error { return nil }); !errors.Is(err, context.Canceled) {
				return fmt.Errorf("a third connection was lent: %w", err)
			}
			return nil
		})
	})
	if err != nil || again != first || second == first {
		t.Errorf("lent %p, then %p with %p inside (%v)", first, again, second, err)
	}
	if err := lend(&again, nothing); err != nil || again != first {
		t.Errorf("the one that was used last is %p, lent was %p (%v)", first, again, err)
	}
	if err := p.close(); err != nil {
		t.Error(err)
	}
	if err := p.one(t.Context(), func(*sqlite.Conn) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a closed pool: %v", err)
	}
}
