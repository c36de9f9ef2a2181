package node_test

import (
	"strings"
	"testing"

	"nems/internal/node/nodetest"
)

// TestARequestHasOneName: the id that a caller sends is in the answer and in the log, of
// FHIR and of MESH.
func TestARequestHasOneName(t *testing.T) {
	t.Parallel()
	const id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	s := nodetest.Boot(t)
	message := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
	if got := s.Send(s.PublishRequest(message).Set("X-Request-ID", id)).Header.Get("X-Request-ID"); got != id {
		t.Errorf("expected the caller's id; received %q", got)
	}
	s.Eventually("the log has the id", func() bool { return strings.Contains(s.Log.String(), "request="+id) })
	if got := s.Send(s.PublishRequest(message).Set("X-Request-ID", nodetest.Jack)).Header.Get("X-Request-ID"); len(got) != 36 {
		t.Errorf("what is no UUID: expected a new id; received %q", got)
	}
	if got := s.Get("/messageexchange/_ping").Header.Get("X-Request-ID"); len(got) != 36 {
		t.Errorf("MESH: expected an id; received %q", got)
	}
}

// TestFirstAndLastLine: a run begins and ends with a line that says what it was.
func TestFirstAndLastLine(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	s.Stop()
	for _, want := range []string{"msg=started ", " store=sqlite profile=dev listeners=\"[dev=http://127.0.0.1:", "msg=ended clean=true uptime=", " events=1\n"} {
		if !strings.Contains(s.Log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, s.Log.Tail(5))
		}
	}
}
