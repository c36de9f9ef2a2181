package node_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"nems/internal/catalogue"
	"nems/internal/directory/devworld"
	"nems/internal/mesh"
	"nems/internal/node/nodetest"
)

// TestOnlyNEMSSendsEvents checks that only NEMS can send with the workflow id of
// an event, so that receivers can trust messages that have one, and that its own
// copies are delivered.
func TestOnlyNEMSSendsEvents(t *testing.T) {
	s := nodetest.Boot(t)
	send := func(from, workflow string) error {
		c, err := mesh.NewClient(mesh.ClientConfig{
			URL: s.URL, Mailbox: from, Password: devworld.Password, SharedKey: []byte(devworld.SharedKey), Now: s.Clock.Now, Transport: s.HTTP.Transport,
		})
		if err != nil {
			t.Fatal(err)
		}
		forged := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
		_, err = c.Send(t.Context(), mesh.Outgoing{Headers: mesh.Headers{To: national, WorkflowID: workflow}, Body: bytes.NewReader(forged), Size: int64(len(forged))})
		return err
	}
	types, err := catalogue.Load("")
	if err != nil {
		t.Fatal(err)
	}
	if len(types.Types()) < 10 {
		t.Fatalf("%d event types", len(types.Types()))
	}
	for _, e := range types.Types() {
		for _, workflow := range []string{e.Workflow, strings.ToLower(e.Workflow)} {
			if err := send(leeds, workflow); !errors.Is(err, mesh.NotRegistered) {
				t.Errorf("%s was sent: %v", workflow, err)
			}
		}
	}
	if got := s.Collect(national); len(got) != 0 {
		t.Errorf("%d messages arrived", len(got))
	}
	if err := send(leeds, "SOMETHING_ELSE"); err != nil {
		t.Error(err)
	}
	if err := send(devworld.Mailbox, "VACCINATIONS_1"); err != nil {
		t.Errorf("NEMS's own mailbox: %v", err)
	}
	s.Subscribe(s.National(), about(nodetest.Jack)+vaccinations, national)
	s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	if got := s.Collect(national); len(got) != 3 {
		t.Errorf("%d messages arrived", len(got))
	}
}
