package node_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"nems/internal/node/nodetest"
	"nems/internal/operator"
)

// operatorOf is the operators' client of a server.
func operatorOf(t *testing.T, s *nodetest.Server) *operator.Client {
	t.Helper()
	access, err := operator.ReadAccess(s.Config.Data)
	if err != nil {
		t.Fatal(err)
	}
	return &operator.Client{Access: access, User: "tester", HTTP: s.HTTP}
}

// storyOf is all that a story tells.
func storyOf(t *testing.T, f operator.Face, patient string) (out []operator.StoryEntry) {
	t.Helper()
	for e, err := range operator.Each(t.Context(), f, operator.TellPatient, operator.Matching(operator.StoryFilter{Patient: patient, Reason: "a test"})) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// toldInOrder reports the first text that a story does not tell behind those before it.
func toldInOrder(story []operator.StoryEntry, texts ...string) (missing string) {
	for _, want := range texts {
		at := slices.IndexFunc(story, func(e operator.StoryEntry) bool { return strings.Contains(e.Text, want) })
		if at < 0 {
			return want
		}
		story = story[at+1:]
	}
	return ""
}

// TestPatientsStory has subscribers, publishers, mailboxes and operators do what
// concerns a patient. The story has all of it, in order, and every entry that the
// audit has about the patient.
func TestPatientsStory(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	desk := operatorOf(t, s)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	id := s.Subscribe(s.Leeds(), aboutJack, nodetest.LeedsBox)
	if _, err := s.Leeds().Read(ctx, id); err != nil {
		t.Fatal(err)
	}
	message := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
	s.Publish(s.Publisher(), message)
	other := nodetest.Replace(t, message, "DAWKINS", "SOMEBODY")
	if answer := s.Send(s.PublishRequest(other)); answer.Status < http.StatusBadRequest {
		t.Fatalf("other demographics: status %d", answer.Status)
	}
	found, err := operator.FindDeliveries.Do(ctx, desk, operator.Matching(operator.DeliveryFilter{Mailbox: nodetest.LeedsBox}))
	must(err)
	for _, move := range []operator.Move{operator.Park, operator.Retry} {
		_, err := operator.MoveDeliveries.Do(ctx, desk, operator.Moving{Move: move, IDs: []string{found.Items[0].ID}})
		must(err)
	}
	_, err = operator.ExplainEvent.Do(ctx, desk, operator.Matching(operator.EventQuestion{Event: found.Items[0].ID}))
	must(err)
	s.Collect(nodetest.LeedsBox)
	must(s.Leeds().Unsubscribe(ctx, id))
	s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", "9434765919"))

	texts := []string{
		"A subscription was created for the mailbox MAILBOX1234. It was deleted", "was published: Vaccinations.",
		"It matched 1 subscription of the mailbox MAILBOX1234. The copy was collected", "A waiting copy was set aside.", "A parked copy was made to wait again.",
		"A copy was collected", "A subscription of the mailbox MAILBOX1234 was deleted by its owner.", "The audit was signed last at",
	}
	s.Eventually("the story is whole", func() bool {
		s.Clock.Set(s.Clock.Now().Add(1e9))
		return toldInOrder(storyOf(t, desk, nodetest.Jack), "A copy was collected", "The patient's story was read.") == ""
	})
	story := storyOf(t, desk, nodetest.Jack)
	if missing := toldInOrder(story, texts...); missing != "" {
		t.Errorf("not told in its place: %q", missing)
	}
	for _, text := range []string{"A subscription to the patient was read.", "A message was refused: INVALID_PATIENT_DEMOGRAPHICS.", "It was explained whom an event about the patient reached"} {
		if missing := toldInOrder(story, text); missing != "" {
			t.Errorf("not told: %q", missing)
		}
	}
	told := map[string]int{}
	for _, e := range story {
		if e.Chain != 0 {
			told[fmt.Sprint(e.Chain, e.Link, e.At.UnixMicro(), e.Action)]++
		}
	}
	for link, err := range operator.Each(ctx, desk, operator.ExportChain, operator.Matching(operator.ChainFilter{})) {
		must(err)
		for _, r := range link.Entries {
			// The last looks came later.
			if key := fmt.Sprint(link.Chain, link.Seq, r.At.UnixMicro(), r.Action); r.Patient == nodetest.Jack && r.Action != "patient-story" {
				if told[key]--; told[key] < 0 {
					t.Errorf("an entry of the audit is not told: %s of %v", r.Action, r.At)
				}
			} else if r.Patient != nodetest.Jack && told[key] > 0 {
				t.Errorf("an entry about somebody else is told: %s of %v", r.Action, r.At)
			}
		}
	}
	for key, left := range told {
		if left > 0 && !strings.HasSuffix(key, "patient-story") {
			t.Errorf("told more often than the audit has it: %s", key)
		}
	}
	verified, err := operator.VerifyAudit.Do(ctx, desk, operator.None{})
	if err != nil || !verified.Sound || !verified.Whole || verified.Vouched.IsZero() || !strings.HasPrefix(verified.Text, "Nothing was changed, removed or reordered up to ") {
		t.Errorf("verifying: %+v, %v", verified, err)
	}
}

// TestStoryOfSupersededNumber goes on with the number that the directory has instead.
func TestStoryOfSupersededNumber(t *testing.T) {
	t.Parallel()
	s := nodetest.Boot(t)
	const old, current = "9990000042", "9990000050"
	s.Subscribe(s.Leeds(), strings.Replace(aboutJack, nodetest.Jack, current, 1), nodetest.LeedsBox)
	s.Subscribe(s.Leeds(), strings.Replace(aboutJack, nodetest.Jack, old, 1), nodetest.LeedsBox)
	story := storyOf(t, operatorOf(t, s), old)
	if len(story) == 0 || story[0].Kind != operator.StoryNote || story[0].Patient != current {
		t.Fatalf("it does not begin with a note: %+v", story)
	}
	if missing := toldInOrder(story, "This number was superseded.", "A subscription was created", "A subscription was created"); missing != "" {
		t.Errorf("not told: %q: %+v", missing, story)
	}
}
