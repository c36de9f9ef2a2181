package storetest

import (
	"fmt"
	"sync"
	"testing"

	"nems/internal/store"
)

// Outcomes of many lanes that come at once: a lost claim, or one that the store cannot
// keep, costs the others nothing.
func settlingAtOnce(t *testing.T, th *harness) {
	const many = 40
	for n := range many {
		th.remote(fmt.Sprintf("FAR%d", n))
	}
	th.publish()
	lanes, err := th.ClaimLanes(th.ctx(), "one", lease, many)
	th.must(err)
	if len(lanes) != many {
		t.Fatalf("%d lanes; expected %d", len(lanes), many)
	}
	outcomes := make([]error, many)
	var all sync.WaitGroup
	for n, l := range lanes {
		d := th.next(l)[0]
		d.State, d.At, d.Attempts = store.Sent, th.clock.Now(), 1
		switch n {
		case 7:
			l.Generation--
		case 9:
			d.MESHID = "\x00" // no text on PostgreSQL
		}
		all.Go(func() { outcomes[n] = th.Settle(th.ctx(), l, d, lease) })
	}
	all.Wait()
	for n, l := range lanes {
		switch {
		case n == 7:
			th.wantError("another's lane", outcomes[n], store.ErrClaimLost)
		case n != 9 && outcomes[n] != nil:
			t.Errorf("lane %d: %v", n, outcomes[n])
		}
		if waits := len(th.next(l)) == 1; waits != (outcomes[n] != nil) {
			t.Errorf("lane %d: waits %t, although settling it said %v", n, waits, outcomes[n])
		}
	}
}
