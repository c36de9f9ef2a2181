package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"nems/internal/store"
)

// nonces remembers the tokens that were used, in a folder of its own. A digest
// is written before its request goes on, and nothing is synced: what it holds
// survives the end of the process, also kill -9; a power cut may forget the
// last moments.
//
// The digests of the moment are in memory and in a file in the order of their
// use. After runDigests of them, or an hour, the file is put in order and
// becomes a run: in memory stays only a filter. Forgetting is removing files.
//
// Hours are counted by time that passes and not by the clock: one that was ahead
// for a while would have forgotten tokens that are good again when it is put right.
type nonces struct {
	folder string
	keep   int64 // hours
	steady func() time.Duration
	base   int64 // the hour where steady is 0

	mu     sync.Mutex
	closed bool
	recent map[digest]struct{}
	file   *os.File    // holds recent; nil when it is empty
	name   runName     // of file
	runs   []*nonceRun // in the order of their names
}

// digest identifies a token. Digests are bits of a MAC, hence evenly spread.
type digest = [16]byte

const (
	digestSize = len(digest{})
	runDigests = 1 << 18 // ordering them holds requests up for 40 ms
)

func openNonces(folder string, o Options) (*nonces, error) {
	n := &nonces{folder: folder, keep: int64((o.NonceWindow+time.Hour-1)/time.Hour) + 2, steady: o.Steady, recent: map[digest]struct{}{}}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name, ok := parseRunName(e.Name())
		if !ok {
			continue // such as a run that was being written
		}
		r, err := orderRun(folder, name)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", filepath.Join(folder, e.Name()), err)
		}
		n.runs = append(n.runs, r)
	}
	slices.SortFunc(n.runs, func(a, b *nonceRun) int { return a.name.compare(b.name) })
	return n, n.resume(o.Now())
}

// resume goes on with the hour of the last run. However long nobody used a token,
// or seems not to have by the clock, it counts as one hour at most.
func (n *nonces) resume(now time.Time) error {
	hour := now.Unix() / int64(time.Hour/time.Second) // the first is named by the clock
	if last := len(n.runs) - 1; last >= 0 {
		hour = n.runs[last].name.hour
		info, err := os.Stat(filepath.Join(n.folder, n.runs[last].name.String()))
		if err != nil {
			return err
		}
		if info.ModTime().Truncate(time.Hour).Before(time.Now().Truncate(time.Hour)) {
			hour++
		}
	}
	n.base = hour - int64(n.steady()/time.Hour)
	return nil
}

// UseNonce is mailbox.Boxes'. Digests lie in files beside the database, for
// Options.NonceWindow at least.
func (db *DB) UseNonce(_ context.Context, digest [16]byte, _ time.Time) (bool, error) {
	fresh, err := db.nonces.use(digest)
	if err != nil && !errors.Is(err, store.ErrClosed) {
		err = fmt.Errorf("%w: recording a nonce: %w", store.ErrBusy, err)
	}
	return fresh, err
}

func (n *nonces) use(d digest) (fresh bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	hour := n.base + int64(n.steady()/time.Hour)
	if n.closed {
		return false, store.ErrClosed
	}
	if n.file != nil && (len(n.recent) >= runDigests || hour > n.name.hour) {
		if err := n.seal(); err != nil {
			return false, err
		}
	}
	if known, err := n.known(d); known || err != nil {
		return false, err
	}
	if n.file == nil {
		if err := n.begin(hour); err != nil {
			return false, err
		}
	}
	// At a place of its own: what a full disk has cut short is written over.
	if _, err := n.file.WriteAt(d[:], int64(len(n.recent)*digestSize)); err != nil {
		return false, err
	}
	n.recent[d] = struct{}{}
	return true, nil
}

func (n *nonces) known(d digest) (bool, error) {
	if _, ok := n.recent[d]; ok {
		return true, nil
	}
	for _, r := range n.runs {
		if !r.filter.mayHold(d) {
			continue
		}
		if found, err := r.holds(n.folder, d); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// begin starts a file and removes the runs that the window has left.
func (n *nonces) begin(hour int64) error {
	name := runName{hour, 0}
	if last := len(n.runs) - 1; last >= 0 && n.runs[last].name.hour >= hour {
		name = runName{n.runs[last].name.hour, n.runs[last].name.seq + 1}
	}
	for len(n.runs) > 0 && n.runs[0].name.hour < name.hour-n.keep {
		if err := os.Remove(filepath.Join(n.folder, n.runs[0].name.String())); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		n.runs = n.runs[1:]
	}
	file, err := os.OpenFile(filepath.Join(n.folder, name.String()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		n.file, n.name = file, name
	}
	return err
}

// seal makes the file a run. If we stop here, opening does it again.
func (n *nonces) seal() error {
	r, err := orderRun(n.folder, n.name)
	if err != nil {
		return err
	}
	n.runs = append(n.runs, r)
	err = n.file.Close()
	n.file = nil
	clear(n.recent)
	return err
}

// run refuses everything after the end of ctx.
func (n *nonces) run(ctx context.Context) {
	<-ctx.Done()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
}

func (n *nonces) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	if n.file == nil {
		return nil
	}
	return n.file.Close()
}
