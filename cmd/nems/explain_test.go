package main

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/operator"
	"nems/internal/store"
	"nems/internal/subscription"
)

// sampleExplained has each form of a line once.
func sampleExplained() operator.Explained {
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	criteria := func(age string, holds bool) []operator.ExplainedCriteria {
		return []operator.ExplainedCriteria{
			{Criterion: subscription.ByEvent, Wanted: "vaccinations-1", Fact: "vaccinations-1", Holds: true},
			{Criterion: subscription.ByHomeArea, Wanted: "15F", Fact: "15F", Holds: true},
			{Criterion: subscription.ByAge, Wanted: age, Fact: "8 years", Holds: holds},
		}
	}
	return operator.Explained{
		Event: operator.ExplainedEvent{Event: 7265862719553536000, MessageID: "0a0aa0f4-8f5c-4a1c-9b5a-2f3f7a1d0001", EventType: "vaccinations-1", Kind: "new",
			Publisher: "300000000161", Accepted: at, Facts: []operator.ExplainedFact{
				{Criterion: subscription.ByHomeArea, Fact: "15F", Name: "NHS LEEDS ICB"}, {Criterion: subscription.ByAge, Fact: "8 years"}}},
		Subscriptions: []operator.ExplainedSubscription{
			{ID: "019ca8a03e80740e91772e42ca02381d", ODS: "RR8", Mailbox: "MAILBOX1234", AsksFor: "children under 12 living in NHS LEEDS ICB (15F), any GP practice: Vaccinations",
				Matched: true, Criteria: criteria("under 12 years", true),
				Copy: operator.ExplainedCopy{ID: "a-1", State: store.Waiting, Names: true, With: 2, Told: "waits in the mailbox MAILBOX1234"}},
			{ID: "019ca8a03e807c41b0e58fe5fe8a9aef", ODS: "RR8", Mailbox: "MAILBOX1234", AsksFor: "children under 5 living in NHS LEEDS ICB (15F), any GP practice: Vaccinations",
				Criteria: criteria("under 5 years", false),
				Copy:     operator.ExplainedCopy{ID: "a-1", State: store.Waiting, With: 1, Told: "waits in the mailbox MAILBOX1234"}},
			{ID: "019ca8a03e8074519a09838a5a25052e", Mailbox: "X26ABC1", Matched: true, Criteria: []operator.ExplainedCriteria{},
				Copy: operator.ExplainedCopy{ID: "a-2", State: store.Acknowledged, Names: true, Told: "was collected from the mailbox X26ABC1 at 2026-03-02 12:00:05 UTC by CN=leeds"},
				Note: "There is no such subscription\x1b[2J: it was deleted, or it ended and was removed."},
		},
	}
}

const explainedPage = "testdata/explained.txt"

func TestExplainedText(t *testing.T) {
	got := markedText(explained(sampleExplained()), false)
	dry := sampleExplained()
	dry.Event.Event, dry.Event.Note, dry.Subscriptions = 0, "The patient directory is away: the event would be matched when it is back.", nil
	got += "---\n" + markedText(explained(dry), false)
	if *update {
		if err := os.WriteFile(explainedPage, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(explainedPage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("go test ./cmd/nems -run ExplainedText -update writes it (-expected +received):\n%s", diff)
	}
}

// Only marks are coloured: what comes from outside cannot colour anything.
func TestMarksAreColoured(t *testing.T) {
	got := markedText([]marked{{tick, 2, "a\x1b[31mb"}, {cross, 0, "c"}, {text: "d"}}, true)
	if want := "  \x1b[32m✓\x1b[0m a\ufffd[31mb\n\x1b[31m✗\x1b[0m c\nd\n"; got != want {
		t.Errorf("expected %q; received %q", want, got)
	}
}

func TestExplainWantsOneThing(t *testing.T) {
	data := t.TempDir()
	fails(t, "explain", "--data", data)
	fails(t, "explain", "1", "--message", file(t, "message.xml", "<Bundle/>"), "--data", data)
	fails(t, "explain", "1", "--patient", "9912003888", "--data", data)
	fails(t, "explain", "1", "--data", data)
}
