package webhook

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"nems/internal/nhs"
	"nems/internal/store"
)

// TestCallsOfOthers: an organisation whose receivers are slow is called four times at
// once and delays nobody else; an endpoint that is being called is left out, and what
// waits for a handshake comes before heartbeats.
func TestCallsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, answer := newCalls(), make(chan struct{})
		var mu sync.Mutex
		var made []string
		add := func(ods nhs.ODSCode, row int64, handshake bool, name string, slow bool) {
			c.add(store.Mailbox{Row: row, ODS: ods}, handshake, func() {
				mu.Lock()
				made = append(made, name)
				mu.Unlock()
				if slow {
					<-answer
				}
			})
		}
		for row := range int64(2 * queued) {
			add("SLOW", row+1, false, "beat", true)
		}
		synctest.Wait()
		add("SLOW", 1, true, "again", false)
		add("SLOW", 1000, true, "hand", false)
		add("QUICK", 1001, true, "other", false)
		synctest.Wait()
		if got := strings.Join(made, " "); len(made) != callingEach+1 || !slices.Contains(made, "other") {
			t.Fatalf("while the receivers are slow: %s", got)
		}
		answer <- struct{}{}
		synctest.Wait()
		if made[callingEach+1] != "hand" || len(made) != callingEach+3 {
			t.Errorf("after an answer: %v", made)
		}
		close(answer)
		c.busy.Wait()
		if len(made) < queued || len(made) > queued+callingEach+2 || slices.Contains(made, "again") || len(c.known) != 0 || len(c.of) != 0 {
			t.Errorf("%d calls; left: %d, %d", len(made), len(c.known), len(c.of))
		}
	})
}
