package assure

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"nems/internal/spine"
)

// Pages that subscribers' checks come from.
const (
	pageReceiver = "receiver_requirements"
	pageMESH     = "explore_receive_events"
)

// subscriberChecks are the checks of the steps of a subscriber's plan.
var subscriberChecks = map[string]Check{
	"subscribed":                 {"A subscription was created.", pageCreate, checkSubscribed},
	"unsubscribed":               {"Each subscription of the test was deleted, by the id that the service gave it.", pageCreate, checkUnsubscribed},
	"handshake":                  {"The mailbox is validated before the first look into it.", pageMESH, checkHandshake},
	"collects-in-time":           {"Every message was acknowledged within the time of the step.", pageMESH, checkCollected},
	"acknowledges-when-complete": {"No message is acknowledged before all of it was downloaded.", pageMESH, checkWhole},
	"pages-read":                 {"More messages than one page of the inbox were collected.", pageMESH, checkCollected},
	"returns-after-outage":       {"After an outage of the mailbox the messages were collected.", pageMESH, checkReturned},
	"workflows-received":         {"Messages of the workflow ids of the subscribed event types were collected.", pageMESH, checkCollected},
	"repeats-ignored":            {"A message that came twice had one effect.", pageGeneric, checkTold},
	"order-kept":                 {"After messages in the wrong order the newest one counted.", pageSequence, checkTold},
	"update-applied":             {"An update was taken for what it is.", pageGeneric, checkTold},
	"delete-applied":             {"A delete took away what the earlier message had brought.", pageGeneric, checkTold},
	"any-order-of-resources":     {"A message whose resources come in another order, with an unknown extension, was understood.", pageGeneric, checkTold},
	"wrong-message-set-aside":    {"A message that cannot be understood was set aside, and stopped nothing.", pageReceiver, checkSetAside},
	"discarded-recorded":         {"The report has messages that were discarded too.", pageGovernance, checkRecorded},
	"use-recorded":               {"The report says for each message what became of it.", pageGovernance, checkRecorded},
}

func init() { maps.Copy(checks, subscriberChecks) }

func (x *Exchange) creates() bool { return x.Endpoint == spine.EndpointCreate }
func (x *Exchange) deletes() bool { return x.Endpoint == spine.EndpointDelete }

func checkSubscribed(o *Outcome) ([]string, bool) {
	for _, x := range o.Exchanges {
		if x.creates() && x.Status == http.StatusCreated {
			return nil, true
		}
	}
	return []string{"expected that a subscription is created with POST to /STU3/Subscription; none was"}, true
}

// checkUnsubscribed goes by the ids of all subscriptions that the run has made.
func checkUnsubscribed(o *Outcome) (wrong []string, tested bool) {
	open := map[string]bool{}
	for _, x := range append(slices.Clone(o.Earlier), o.Exchanges...) {
		switch {
		case x.creates() && x.Status == http.StatusCreated:
			open[idOf(x.replyHeader.Get("Location"))], tested = true, true
		case x.deletes() && x.succeeded():
			delete(open, idOf(x.Path))
		}
	}
	if len(open) > 0 {
		wrong = append(wrong, fmt.Sprintf("expected DELETE of each subscription by the id of its Location; %s left", counted(len(open), "subscription")))
	}
	return wrong, tested
}

// idOf is the id of a subscription in its address.
func idOf(address string) string {
	_, rest, _ := strings.Cut(address, "/Subscription/")
	id, _, _ := strings.Cut(rest, "/")
	return id
}

func checkHandshake(o *Outcome) ([]string, bool) {
	for _, x := range append(slices.Clone(o.Earlier), o.Exchanges...) {
		rest, in := strings.CutPrefix(x.Path, "/messageexchange/")
		if !in || !x.succeeded() {
			continue
		}
		if !strings.Contains(strings.TrimSuffix(rest, "/"), "/") {
			return nil, true
		}
		return []string{fmt.Sprintf("expected that the mailbox is validated first (POST to /messageexchange/MAILBOX); request %d came before that", x.Number)}, true
	}
	return nil, false
}

// checkCollected wants each message of the step acknowledged.
func checkCollected(o *Outcome) (wrong []string, tested bool) {
	done, left := acknowledged(o.Exchanges), 0
	for _, s := range o.Sent {
		if !done[s.ID] {
			left++
		}
	}
	if left > 0 {
		wrong = append(wrong, fmt.Sprintf("expected that %s acknowledged within the step; %d of them not", counted(len(o.Sent), "message"), left))
	}
	return wrong, len(o.Sent) > 0
}

// checkReturned judges only who saw the outage.
func checkReturned(o *Outcome) ([]string, bool) {
	if !slices.ContainsFunc(o.Exchanges, func(x *Exchange) bool { return x.Instead != "" }) {
		return nil, false
	}
	return checkCollected(o)
}

// checkWhole compares acknowledgements with the chunks that were downloaded before.
func checkWhole(o *Outcome) (wrong []string, tested bool) {
	got := map[string]map[int]bool{}
	total := map[string]int{}
	for _, x := range append(slices.Clone(o.Earlier), o.Exchanges...) {
		c, ok := x.mailboxCall()
		if !ok || !x.succeeded() {
			continue
		}
		if !c.ack {
			if got[c.message] == nil {
				got[c.message], total[c.message] = map[int]bool{}, 1
			}
			got[c.message][c.chunk] = true
			if n := chunksIn(x.replyHeader); n > 0 {
				total[c.message] = n
			}
			continue
		}
		if x.Step != o.Step.ID {
			continue
		}
		if n := len(got[c.message]); n == 0 || n < total[c.message] {
			wrong = append(wrong, fmt.Sprintf("request %d acknowledges a message of which %d of %d parts were downloaded; expected all", x.Number, n, max(total[c.message], 1)))
		}
		tested = true
	}
	return wrong, tested
}

// checkTold compares what the system says with what is right. Without reports nothing is
// known.
func checkTold(o *Outcome) (wrong []string, tested bool) {
	for i, s := range o.Sent {
		t, there := o.toldOf(i)
		if !there {
			continue
		}
		tested = true
		if !slices.Contains(s.Wants, t.Outcome) {
			wrong = append(wrong, fmt.Sprintf("message %d of the step: expected the outcome %s; the system reports %s", i+1, strings.Join(s.Wants, " or "), t.Outcome))
		}
	}
	return wrong, tested
}

// checkSetAside wants that nothing is left, and that the report has what was set aside.
func checkSetAside(o *Outcome) ([]string, bool) {
	if wrong, tested := checkCollected(o); len(wrong) > 0 {
		return wrong, tested
	}
	return checkTold(o)
}

// checkRecorded wants a report of each message, from a system that reports at all.
func checkRecorded(o *Outcome) (wrong []string, tested bool) {
	if len(o.Told) == 0 {
		return nil, false
	}
	done := acknowledged(o.Exchanges)
	for i, s := range o.Sent {
		if !done[s.ID] {
			continue // others say so
		}
		tested = true
		if _, there := o.toldOf(i); !there {
			wrong = append(wrong, fmt.Sprintf("message %d of the step: expected a report of what became of it; received none", i+1))
		}
	}
	return wrong, tested
}
