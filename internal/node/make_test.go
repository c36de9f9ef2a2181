package node_test

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/catalogue"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
)

// TestMadeMessagesArePublished has a message made of every event type and kind, checks
// it, publishes it as a system of the development world, and reads it again: the bytes
// are the same, and the audit has the publish with the person and the one who read.
func TestMadeMessagesArePublished(t *testing.T) {
	s := nodetest.Boot(t)
	desk, ctx := operatorOf(t, s), t.Context()
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, eventType := range types.Types() {
		for _, kind := range eventType.Kinds {
			made, err := operator.ComposeMessage.Do(ctx, desk, operator.Composition{EventType: eventType.Code, Kind: kind, Patient: nodetest.Jack})
			if err != nil {
				t.Fatalf("%s %s: %v", eventType.Code, kind, err)
			}
			checked, err := operator.CheckMessage.Do(ctx, desk, operator.MessageCheck{Message: made.Message, Level: "strict"})
			if err != nil || checked.Status != http.StatusAccepted || len(checked.Findings) > 0 || checked.Kind != kind {
				t.Errorf("%s %s: %+v, %v", eventType.Code, kind, checked, err)
			}
			publisher := operator.Publication{Message: made.Message, ASID: nodetest.PublisherID, ODS: "A83627"}
			if eventType.Publishers == catalogue.SpineOnly {
				publisher.ASID, publisher.ODS = nodetest.SpineID, "X26"
			}
			published, err := operator.PublishMessage.Do(ctx, desk, publisher)
			if err != nil || published.Status != http.StatusAccepted || published.Event == 0 {
				t.Fatalf("%s %s: %+v, %v", eventType.Code, kind, published, err)
			}
			name := operator.EventReading{Event: strconv.FormatInt(published.Event, 10), Reason: "a test"}
			if read, err := operator.ReadEvent.Do(ctx, desk, name); err != nil || read.Message != made.Message {
				t.Errorf("%s %s: read again: %d bytes of %d, %v", eventType.Code, kind, len(read.Message), len(made.Message), err)
			}
		}
	}
	wrong, err := operator.PublishMessage.Do(ctx, desk, operator.Publication{Message: "<Bundle/>", ASID: nodetest.PublisherID, ODS: "A83627"})
	if err != nil || wrong.Status < 400 || wrong.Event != 0 || !strings.Contains(wrong.Answer, "OperationOutcome") {
		t.Errorf("a wrong message: %+v, %v", wrong, err)
	}
	s.Eventually("the audit has who read", func() bool {
		found, err := operator.SearchAudit.Do(ctx, desk, operator.Matching(operator.Filter{Action: audit.ActionReadEvent}))
		return err == nil && len(found.Items) > 0 && found.Items[0].Reason == "a test" && found.Items[0].Patient == nodetest.Jack
	})
}

// TestSubscriptionsArePreviewed compares what a preview says with what is matched.
func TestSubscriptionsArePreviewed(t *testing.T) {
	s := nodetest.Boot(t)
	desk, ctx := operatorOf(t, s), t.Context()
	for _, number := range []string{nodetest.Jack, nodetest.Jack, "9434765919"} {
		s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", number))
	}
	for _, c := range []struct {
		wish operator.Wish
		want int
	}{
		{operator.Wish{Patient: nodetest.Jack, Events: []string{"vaccinations-1"}}, 2},
		{operator.Wish{Patient: nodetest.Jack, Events: []string{"nipe-outcome-1"}}, 0},
		{operator.Wish{Rule: "COUNTRYCODE", Organisation: "E92000001", Events: []string{"vaccinations-1"}}, 3},
		{operator.Wish{Rule: "COUNTRYCODE", Organisation: "E92000001", Events: []string{"vaccinations-1"}, Ages: []string{"lt18"}}, 2},
	} {
		preview, err := operator.PreviewSubscription.Do(ctx, desk, c.wish)
		if err != nil || preview.Events != c.want || preview.Sentence == "" || strings.Contains(preview.Sentence+preview.Criteria, nodetest.Jack) {
			t.Errorf("%+v: %+v, %v; expected %d events", c.wish.Rule, preview, err, c.want)
		}
	}
}

// TestWatchersDoNotHoldTheService: who watches the console is sent what is new, and
// left when the service ends.
func TestWatchersDoNotHoldTheService(t *testing.T) {
	s := nodetest.Boot(t)
	answer, err := http.Get(s.URL + "/console/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "data:") {
	}
	if lines.Err() != nil || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%v, %s", lines.Err(), answer.Header)
	}
	began := time.Now()
	s.Stop()
	if took := time.Since(began); took > s.Config.Drain {
		t.Errorf("the service took %s to end: as long as it waits for requests", took)
	}
	for lines.Scan() {
	}
}
