package form

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// slice is what a profile says of a parameter of a name: how many there are, and the
// one member that has its value. "part" has parts.
type slice struct {
	name        string
	least, most int
	value       string
}

const many = 1 << 20

// The slices of backport-subscription-status-r4, in the order of the profile, which
// HL7's examples keep.
var statusSlices = []slice{
	{"subscription", 1, 1, "valueReference"}, {"topic", 0, 1, "valueCanonical"}, {"status", 1, 1, "valueCode"}, {"type", 1, 1, "valueCode"},
	{"events-since-subscription-start", 0, 1, "valueString"}, {"notification-event", 0, many, "part"}, {"error", 0, many, "valueCodeableConcept"},
}

// Those of its notification-event.
var eventSlices = []slice{
	{"event-number", 1, 1, "valueString"}, {"timestamp", 0, 1, "valueInstant"}, {"focus", 0, 1, "valueReference"},
	{"additional-context", 0, many, "valueReference"}, {"related-query", 0, many, "part"},
}

var querySlices = []slice{{"query-type", 0, 1, "valueCoding"}, {"query", 1, 1, "valueString"}}

// fits checks a list of parameters against a profile's slices.
func fits(t *testing.T, at string, list any, slices_ []slice) {
	t.Helper()
	counts := map[string]int{}
	last := 0
	for _, item := range list.([]any) {
		p := item.(map[string]any)
		name := p["name"].(string)
		i := slices.IndexFunc(slices_, func(s slice) bool { return s.name == name })
		switch {
		case i < 0:
			t.Errorf("%s: %s is not in the profile", at, name)
			continue
		case i < last:
			t.Errorf("%s: %s stands behind %s", at, name, slices_[last].name)
		case len(p) != 2 || p[slices_[i].value] == nil:
			t.Errorf("%s: %s: expected %s; received %v", at, name, slices_[i].value, p)
		}
		last = i
		counts[name]++
		switch name {
		case "notification-event":
			fits(t, at+"."+name, p["part"], eventSlices)
		case "related-query":
			fits(t, at+"."+name, p["part"], querySlices)
		}
	}
	for _, s := range slices_ {
		if n := counts[s.name]; n < s.least || n > s.most {
			t.Errorf("%s: %d of %s", at, n, s.name)
		}
	}
}

// notifications are one of each kind.
func notifications() map[string]Notification {
	at := time.Date(2026, 11, 28, 9, 30, 0, 123456789, time.UTC)
	one := Occurrence{7, at, "4fc11e2e-9e0c-4eb1-8d0b-6dff6b1d9b22", "300000000161", []byte("<Bundle/>")}
	base := Notification{Base: "https://nems.example.nhs.uk/R4", Subscription: "0123456789abcdef0123456789abcdef", Topic: "urn:nhs-uk:nems:topic:vaccinations-1",
		Status: "active", Type: EventNotification, Content: IDOnly, Total: 7, At: at}
	out := map[string]Notification{}
	for name, change := range map[string]func(*Notification){
		"handshake":       func(n *Notification) { n.Type, n.Status, n.Total = Handshake, "requested", 0 },
		"empty handshake": func(n *Notification) { n.Type, n.Status, n.Content = Handshake, "requested", Empty },
		"heartbeat":       func(n *Notification) { n.Type = Heartbeat },
		"empty":           func(n *Notification) { n.Content, n.Events = Empty, []Occurrence{one} },
		"id-only":         func(n *Notification) { n.Events = []Occurrence{one} },
		"full-resource":   func(n *Notification) { n.Content, n.Events = Full, []Occurrence{one} },
		"two":             func(n *Notification) { n.Content, n.Events = Full, []Occurrence{one, one} },
		"nothing is kept": func(n *Notification) { n.Type, n.Content, n.Events = QueryEvent, Full, []Occurrence{{Number: 6}, one} },
		"an id of its own": func(n *Notification) {
			n.Content, n.Events = Full, []Occurrence{{1, at, "message-1", "", []byte("<Bundle/>")}}
		},
		"a failing receiver":  func(n *Notification) { n.Type, n.Status, n.Error = QueryStatus, "error", "answered 500" },
		"a page with another": func(n *Notification) { n.Type, n.Self, n.Next = QueryEvent, n.Base+"/1", n.Base+"/2" },
	} {
		n := base
		change(&n)
		out[name] = n
	}
	return out
}

// TestBackportProfiles holds every kind of notification against the facts of HL7's
// profiles: cardinalities, types of values, order, and what Bundle's invariants say.
func TestBackportProfiles(t *testing.T) {
	for name, n := range notifications() {
		t.Run(name, func(t *testing.T) {
			var bundle struct {
				ResourceType, Type, Timestamp string
				Meta                          struct{ Profile []string }
				Entry                         []struct {
					FullURL           string `json:"fullUrl"`
					Resource          map[string]any
					Request, Response map[string]string
				}
			}
			text := n.Bundle()
			if err := json.Unmarshal(text, &bundle); err != nil {
				t.Fatal(err)
			}
			if bundle.ResourceType != "Bundle" || bundle.Type != "history" || bundle.Meta.Profile[0] != NotificationProfile || bundle.Timestamp != "2026-11-28T09:30:00.123Z" {
				t.Errorf("%s", text)
			}
			for i, e := range bundle.Entry { // bdl-3 and bdl-4: each has both; fullUrls differ (bdl-7) or stand for the same message
				if e.Request["method"] == "" || e.Request["url"] == "" || e.Response["status"] == "" || e.FullURL == "" {
					t.Errorf("entry %d: %+v", i, e)
				}
			}
			status := bundle.Entry[0]
			if status.Resource["resourceType"] != "Parameters" || status.Request["method"] != "GET" || status.Request["url"] != n.Base+"/Subscription/"+n.Subscription+"/$status" {
				t.Errorf("the first entry: %+v", status)
			}
			fits(t, "parameter", status.Resource["parameter"], statusSlices)
			holds(t, n, string(text), len(bundle.Entry))
		})
	}
}

// holds checks what a content may hold (page payloads).
func holds(t *testing.T, n Notification, text string, entries int) {
	t.Helper()
	kept := 0
	for _, e := range n.Events {
		if len(e.Message) > 0 {
			kept++
		}
	}
	references := strings.Contains(text, `"focus"`) || strings.Contains(text, `"additional-context"`) || strings.Contains(text, `"related-query"`)
	switch n.Content {
	case Empty:
		if references || entries != 1 || strings.Contains(text, "urn:nhs-uk:nems:topic") {
			t.Errorf("empty: %s", text)
		}
	case IDOnly:
		if references != (kept > 0) || entries != 1 {
			t.Errorf("id-only: %s", text)
		}
	case Full:
		if entries != 1+kept || !strings.Contains(text, `"resourceType":"Binary","contentType":"application/fhir+xml; fhirVersion=3.0","data":"PEJ1bmRsZS8+"`) {
			t.Errorf("full-resource: %s", text)
		}
	}
}
