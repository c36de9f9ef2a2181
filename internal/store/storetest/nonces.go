package storetest

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// tokensVariable asks for more replayed tokens than a test run has time for: the
// full proof is NEMS_TOKENS=100000.
const tokensVariable = "NEMS_TOKENS"

// replayed: of tokens that come at once several times, to two nodes where the
// database has two, each is good exactly once; and none after a restart.
func replayed(t *testing.T, th *harness) {
	tokens, err := strconv.Atoi(cmp.Or(os.Getenv(tokensVariable), "1000"))
	th.must(err)
	good := make([]atomic.Int32, tokens)
	everyone := func(nodes ...Store) {
		const clients = 16 // of each node
		var all sync.WaitGroup
		for _, node := range nodes {
			for first := range clients {
				all.Go(func() {
					// Every token twice through every node, by different clients.
					for i := first / 2; i < tokens; i += clients / 2 {
						sum := sha256.Sum256(fmt.Append(nil, i))
						if ok, err := node.UseNonce(th.ctx(), [16]byte(sum[:16]), th.clock.Now()); err != nil {
							t.Error(err)
						} else if ok {
							good[i].Add(1)
						}
					}
				})
			}
		}
		all.Wait()
	}
	nodes := []Store{th.Store}
	if f, ok := th.fixture.(SecondOpener); ok {
		nodes = append(nodes, f.OpenSecond(t, th.clock))
	}
	everyone(nodes...)
	th.fixture.Stop(t)
	th.reopen()
	everyone(th.Store)
	for i := range good {
		if n := good[i].Load(); n != 1 {
			t.Errorf("token %d of %d was good %d times", i, tokens, n)
		}
	}
}

func nonces(t *testing.T, th *harness) {
	var digest [16]byte
	use := func(want bool) {
		t.Helper()
		if ok, err := th.UseNonce(th.ctx(), digest, th.clock.Now()); err != nil || ok != want {
			t.Errorf("expected %v, got %v, %v", want, ok, err)
		}
	}
	use(true)
	use(false)
	for range 5 {
		th.clock.advance(59 * time.Minute)
		use(false)
	}
	th.fixture.Stop(t)
	th.reopen()
	use(false)
	th.clock.advance(-2 * time.Hour) // the clock steps back
	use(false)
	digest[15] = 1
	var used atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if ok, err := th.UseNonce(th.ctx(), digest, th.clock.Now()); err != nil {
				t.Error(err)
			} else if ok {
				used.Add(1)
			}
		})
	}
	all.Wait()
	if used.Load() != 1 {
		t.Errorf("one token was good %d times", used.Load())
	}
	// What the window has left is forgotten, or the file would grow for ever.
	th.clock.advance(20 * time.Hour)
	digest[14] = 7
	use(true)
	digest[14] = 0
	use(true)
}
