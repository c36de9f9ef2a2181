package receiver_test

import (
	"context"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"nems/internal/directory/devworld"
	"nems/internal/node/nodetest"
	"nems/receiver"
)

var (
	exampleIdentifier = regexp.MustCompile(`(<system value="https://example\.nhs\.uk/identifiers"/><value value=")[^"]*`)
	exampleUpdated    = regexp.MustCompile(`(<lastUpdated value=")[^"]*`)
)

// aboutThing changes an example message: it is then about the given thing, changed at the given
// minute.
func aboutThing(message []byte, thing string, minute int) []byte {
	at := nodetest.Start.Add(time.Duration(minute-60) * time.Minute).Format(time.RFC3339)
	message = exampleIdentifier.ReplaceAll(message, []byte("${1}"+thing))
	return exampleUpdated.ReplaceAll(message, []byte("${1}"+at))
}

// Events are published to the real program in the wrong order, some of them twice.
// The subscriber's records still end up right, and the audit says how.
func TestRealProgram(t *testing.T) {
	s := nodetest.Boot(t)
	const criteria = "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + nodetest.Jack
	s.Subscribe(s.Leeds(), criteria+"&MessageHeader.event=vaccinations-1&MessageHeader.event=newborn-hearing-1&MessageHeader.event=pds-change-of-gp-1", nodetest.LeedsBox)
	publish := func(code, kind, thing string, minute int) {
		c := s.Publisher()
		if code == "pds-change-of-gp-1" {
			c = s.Spine()
		}
		s.Publish(c, aboutThing(nodetest.Message(t, code, kind, nodetest.Jack), thing, minute))
	}
	const jab, hearing, gp = "vaccinations-1", "newborn-hearing-1", "pds-change-of-gp-1"
	publish(jab, "update", "jab-1", 2) // arrives before the event that it corrects
	publish(jab, "new", "jab-1", 1)
	publish(jab, "update", "jab-1", 3)
	publish(jab, "delete", "jab-2", 2) // arrives before the event that it withdraws
	publish(jab, "new", "jab-2", 1)
	publish(hearing, "new", "hearing-1", 1)
	publish(hearing, "new", "hearing-1", 2) // screening corrects an event with another new one
	publish(hearing, "delete", "hearing-1", 3)
	publish(gp, "new", "", 2)
	publish(gp, "new", "", 1)

	folder := t.TempDir()
	audit := openAudit(t, folder, receiver.AuditOptions{Now: s.Clock.Now})
	memory, err := receiver.OpenMemory(filepath.Join(folder, "memory"), receiver.MemoryOptions{Now: s.Clock.Now})
	mustDo(t, err)
	defer memory.Close()
	r, err := receiver.New(receiver.Config{
		URL: s.URL, Mailbox: nodetest.LeedsBox, Password: devworld.Password, SharedKey: devworld.SharedKey, HTTP: s.HTTP,
		Now: s.Clock.Now, Memory: memory, Audit: audit, Senders: []string{s.Config.Mailbox},
	})
	mustDo(t, err)
	var got []string
	tally, err := r.Collect(t.Context(), func(_ context.Context, m receiver.Message) error {
		if m.Problem != nil {
			t.Errorf("%v: %v", m, m.Problem)
		}
		thing := m.Facts.Identifier.Value
		if m.Effect() == receiver.Replace && m.Earlier.MessageID == "" {
			t.Errorf("%v replaces nothing", m)
		}
		got = append(got, m.Facts.Code+" "+thing+" "+string(m.Effect()))
		return nil
	})
	mustDo(t, err)
	want := []string{
		jab + " jab-1 create", jab + " jab-1 replace", jab + " jab-2 remove",
		hearing + " hearing-1 create", hearing + " hearing-1 replace", hearing + " hearing-1 remove", gp + "  create",
	}
	if d := gocmp.Diff(want, got); d != "" || tally != (receiver.Tally{Handled: 7, Superseded: 3}) {
		t.Errorf("%s\n%+v", d, tally)
	}
	if left := s.Collect(nodetest.LeedsBox); len(left) > 0 {
		t.Errorf("%d are still in the mailbox", len(left))
	}
	steps := map[receiver.Step]int{}
	for e, err := range audit.Entries(receiver.AuditFilter{Patient: audit.Patient(nodetest.Jack)}) {
		mustDo(t, err)
		steps[e.Step]++
	}
	if d := gocmp.Diff(map[receiver.Step]int{receiver.Received: 10, receiver.Processed: 7, receiver.Discarded: 3}, steps); d != "" {
		t.Error(d)
	}
}
