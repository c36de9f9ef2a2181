package main

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"nems/internal/node/nodetest"
	"nems/internal/operator"
)

// TestEventsCommand checks that an event is found by what is known of it, while the
// service runs and when it is stopped, and that the list names no patient.
func TestEventsCommand(t *testing.T) {
	s := nodetest.Boot(t)
	message := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
	s.Send(s.PublishRequest(message))
	list := func(args ...string) (out []operator.FoundEvent) {
		t.Helper()
		text := does(t, "", append([]string{"events", "--format", "json", "--data", s.Config.Data}, args...)...)
		if strings.Contains(text, nodetest.Jack) {
			t.Errorf("it names the patient:\n%s", text)
		}
		for d := json.NewDecoder(strings.NewReader(text)); d.More(); {
			var e operator.FoundEvent
			if err := d.Decode(&e); err != nil {
				t.Fatal(err)
			}
			out = append(out, e)
		}
		return out
	}
	found := list()
	if len(found) != 1 || found[0].EventType != "vaccinations-1" || found[0].Publisher != nodetest.PublisherID || found[0].Outcome != "unmatched" {
		t.Fatalf("received %+v", found)
	}
	e := found[0]
	for _, args := range [][]string{{"--type", e.EventType, "--kind", e.Kind}, {"--message-id", e.MessageID}, {"--ods", string(e.ODS)}, {"list", "--outcome", "unmatched"}} {
		if got := list(args...); len(got) != 1 || got[0] != e {
			t.Errorf("%v: received %+v", args, got)
		}
	}
	if got := list("--outcome", "matched"); len(got) != 0 {
		t.Errorf("matched: received %+v", got)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.WriteString(nodetest.Jack)
	_ = w.Close()
	before := os.Stdin
	os.Stdin = r
	defer func() { os.Stdin = before }()
	if got := list("--patient", "-"); len(got) != 1 {
		t.Errorf("of the patient: received %+v", got)
	}
	if text := does(t, "Event "+strconv.FormatInt(e.Event, 10), "events", "show", e.MessageID, "--data", s.Config.Data); strings.Contains(text, nodetest.Jack) || !strings.Contains(text, "0 copies") {
		t.Errorf("events show: received\n%s", text)
	}
	if text := does(t, "", "events", "show", e.MessageID, "--message", "--data", s.Config.Data); text != string(message) {
		t.Errorf("events show --message: expected the %d bytes that were published; received %d", len(message), len(text))
	}
	fails(t, "events", "show", "none", "--data", s.Config.Data)
	s.Stop()
	does(t, "none given, on the command line", "audit", "show", "--action", "event-read", "--format", "json", "--data", s.Config.Data)
	does(t, `"copies": []`, "events", "show", e.MessageID, "--format", "json", "--data", s.Config.Data)
	does(t, e.MessageID, "events", "--data", s.Config.Data)
	fails(t, "events", "--mailbox", "NONE", "--data", s.Config.Data)
}
