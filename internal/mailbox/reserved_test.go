package mailbox_test

import (
	"net/http"
	"strings"
	"testing"

	"nems/internal/mailbox"
	"nems/internal/mesh"
	"nems/internal/store"
)

// The workflow ids of events belong to NEMS. From others they are refused with
// error 17, however they are written and sent, unless an operator has registered
// the sender.
func TestReservedWorkflows(t *testing.T) {
	fx := newFixture(t, func(c *mailbox.Config) {
		c.NEMS, c.Reserved = "barry", func(workflow string) bool { return strings.HasPrefix(strings.ToUpper(workflow), "EVENT_") }
	})
	fx.boxes.restrict(t,
		store.Workflow{ID: "EVENT_2", Senders: []string{"BOB"}, Receivers: []string{"ALICE"}},
		store.Workflow{ID: "EVENT_3", Receivers: []string{"ALICE"}})
	// send returns a request of a mailbox, with its token.
	send := func(sender, recipient, workflow string, more ...string) request {
		h := to(recipient, append([]string{"Mex-WorkflowID", workflow, "Authorization", fx.token(sender)}, more...)...)
		return request{"POST", sender + "/outbox", h, "x"}
	}
	for name, c := range map[string]struct {
		request
		refused bool
	}{
		"a stranger":           {send("BOB", "ALICE", "EVENT_1"), true},
		"in lower case":        {send("BOB", "ALICE", "event_1"), true},
		"with blanks":          {send("BOB", "ALICE", " EVENT_1 "), true},
		"to itself":            {send("BOB", "BOB", "EVENT_1"), true},
		"to NEMS":              {send("BOB", "BARRY", "EVENT_1"), true},
		"in chunks":            {send("BOB", "ALICE", "EVENT_1", "Mex-Chunk-Range", "1:2"), true},
		"version 1":            {send("BOB", "ALICE", "EVENT_1", "Accept", mesh.MediaV1), true},
		"a registered sender":  {send("BOB", "ALICE", "EVENT_2"), false},
		"another than that":    {send("ALICE", "ALICE", "EVENT_2"), true},
		"none registered":      {send("BOB", "ALICE", "EVENT_3"), true},
		"NEMS":                 {send("BARRY", "ALICE", "EVENT_1"), false},
		"NEMS, registered":     {send("BARRY", "ALICE", "EVENT_2"), false},
		"NEMS, not a receiver": {send("BARRY", "BOB", "EVENT_2"), true},
		"another workflow":     {send("BOB", "ALICE", "OTHER"), false},
	} {
		t.Run(name, func(t *testing.T) {
			answer, body := fx.do(c.request)
			if c.refused != (answer.StatusCode == http.StatusExpectationFailed && strings.Contains(body, `"17"`)) ||
				!c.refused && answer.StatusCode != http.StatusAccepted {
				t.Errorf("%s %s", answer.Status, body)
			}
		})
	}
	if messages, pieces := fx.boxes.stored(t); messages != 4 || pieces != 4 {
		t.Errorf("%d messages and %d pieces were stored", messages, pieces)
	}
}
