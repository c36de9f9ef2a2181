package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/store"
	"nems/internal/store/ledger"
)

// refusals are kept, found by what is known of them, and removed after a while.
func refusals(t *testing.T, th *harness) {
	want := make([]store.Refused, 5)
	for i := range want {
		want[4-i] = store.Refused{
			At: epoch.Add(time.Duration(i) * time.Minute), Action: "publish", ASID: "200000000115", ODS: "RR8", Certificate: "CN=a", Status: 400,
			Code: []string{"INVALID_RESOURCE", "BAD_REQUEST"}[i%2], EventType: vaccination, MessageID: fmt.Sprint("m", i), Reason: "expected a; received b\n<c>",
		}
		th.Refused(want[4-i])
	}
	list := func(q store.RefusedQuery) []store.Refused {
		t.Helper()
		got, err := th.Refusals(th.ctx(), q)
		th.must(err)
		return got
	}
	th.eventually("the refusals are kept", func() bool { return len(list(store.RefusedQuery{Max: 10})) == 5 })
	all := list(store.RefusedQuery{Max: 10})
	for i := range want {
		want[i].N = all[i].N
	}
	for name, c := range map[string]struct {
		q    store.RefusedQuery
		want []store.Refused
	}{
		"all":         {store.RefusedQuery{Max: 10}, want},
		"first page":  {store.RefusedQuery{Max: 2}, want[:2]},
		"second page": {store.RefusedQuery{Max: 2, Before: want[1].N}, want[2:4]},
		"since":       {store.RefusedQuery{Max: 10, Since: want[1].At}, want[:2]},
		"code":        {store.RefusedQuery{Max: 10, Code: "BAD_REQUEST"}, []store.Refused{want[1], want[3]}},
		"message":     {store.RefusedQuery{Max: 10, MessageID: "m2"}, want[2:3]},
		"system":      {store.RefusedQuery{Max: 10, ASID: "200000000116"}, nil},
	} {
		if diff := cmp.Diff(c.want, list(c.q)); diff != "" {
			t.Errorf("%s (-expected +received):\n%s", name, diff)
		}
	}
	th.clock.advance(ledger.RefusalLife + 90*time.Second)
	th.must(th.Housekeep(th.ctx()))
	if got := list(store.RefusedQuery{Max: 10}); len(got) != 3 {
		t.Errorf("after their time: expected 3; received %d", len(got))
	}
	th.Refused(store.Refused{At: th.clock.Now(), Reason: strings.Repeat("é", store.MostReason)})
	th.eventually("a long reason is cut", func() bool {
		got := list(store.RefusedQuery{Max: 1})[0].Reason
		return len(got) == store.MostReason
	})
}
