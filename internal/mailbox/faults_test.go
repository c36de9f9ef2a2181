package mailbox_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"nems/internal/mailbox"
	"nems/internal/mesh"
)

func faulty(f mailbox.Faults) func(*mailbox.Config) {
	return func(c *mailbox.Config) { c.Faults = &f }
}

// Refused requests change nothing, and their status is one of those requested.
func TestFaultErrors(t *testing.T) {
	fx := newFixture(t, faulty(mailbox.Faults{ErrorRate: 1, Errors: []int{429, 502}}))
	seen := map[int]bool{}
	for range 50 {
		answer, body := fx.do(request{"POST", "ALICE/outbox", to("BOB"), "x"})
		seen[answer.StatusCode] = true
		if !strings.Contains(body, "a fault was asked for") {
			t.Fatal(body)
		}
	}
	if len(seen) != 2 || !seen[429] || !seen[502] {
		t.Errorf("statuses %v", seen)
	}
	if messages, _ := fx.boxes.stored(t); messages != 0 {
		t.Errorf("%d messages", messages)
	}
	if answer, _ := fx.do(request{"DELETE", "/admin/reset", nil, ""}); answer.StatusCode != http.StatusOK {
		t.Errorf("admin is disturbed: %s", answer.Status)
	}
}

// A dropped request gets no answer, before or after its work. The client calls
// that error temporary.
func TestFaultDrops(t *testing.T) {
	fx := newFixture(t, faulty(mailbox.Faults{Seed: 3, DropRate: 1}))
	const sends = 40
	for range sends {
		_, err := fx.client("ALICE").Send(ctx, mesh.Outgoing{
			Headers: mesh.Headers{To: "BOB", WorkflowID: "W"}, Body: strings.NewReader("x"), Size: 1,
		})
		var refusal *mesh.Error
		if err == nil || errors.As(err, &refusal) || !mesh.Temporary(err) {
			t.Fatalf("got %v", err)
		}
	}
	if stored, _ := fx.boxes.stored(t); stored < sends/4 || stored > sends*3/4 {
		t.Errorf("%d of %d were stored before the drop", stored, sends)
	}
}

func TestFaultDuplicatesAndDisorder(t *testing.T) {
	order := func(seed uint64) []string {
		fx := newFixture(t, faulty(mailbox.Faults{Seed: seed, DuplicateRate: 0.5, DisorderRate: 1}))
		for range 40 {
			fx.send("ALICE", "BOB", "W", "x")
		}
		return fx.inbox("BOB")
	}
	got := order(7)
	if len(got) < 50 || len(got) > 70 {
		t.Errorf("%d copies of 40 messages", len(got))
	}
	if slices.IsSorted(got) {
		t.Error("in order")
	}
	if again := order(7); !slices.Equal(got, again) {
		t.Error("the same seed gives other faults")
	}
	if other := order(8); slices.Equal(got, other) {
		t.Error("another seed gives the same faults")
	}
}

func TestFaultLatency(t *testing.T) {
	fx := newFixture(t, faulty(mailbox.Faults{Latency: 20 * time.Millisecond, Jitter: 5 * time.Millisecond}))
	begin := time.Now()
	if answer, _ := fx.do(request{"GET", "_ping", nil, ""}); answer.StatusCode != http.StatusOK {
		t.Error(answer.Status)
	}
	if took := time.Since(begin); took < 20*time.Millisecond {
		t.Errorf("answered after %v", took)
	}
}
