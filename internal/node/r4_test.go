package node_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"nems/client"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/webhook"
)

// TestR4 is the life of a subscription: handshake, events, a heartbeat, a failing
// receiver, error, another handshake, and what waited meanwhile.
func TestR4(t *testing.T) {
	here := nodetest.Boot(t)
	leeds, to := r4Leeds(here), newRestHook(t, http.StatusOK)
	id := leeds.made(t, r4Body(to.URL, "id-only"))
	found := leeds.has(t, id, "active")
	if header := found["channel"].(map[string]any)["header"]; len(header.([]any)) != 1 || header.([]any)[0] != "Authorization: [not shown]" {
		t.Errorf("headers: %v", header)
	}
	if hands := to.of("handshake"); len(hands) != 1 || hands[0].status != "requested" || hands[0].since != "0" || hands[0].header.Get("Authorization") != "Bearer one-two-three" {
		t.Errorf("handshakes: %+v", hands)
	}
	publish := func() string {
		m := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
		here.Publish(here.Publisher(), m)
		return string(m)
	}
	publish()
	publish()
	here.Eventually("two events", func() bool { return len(to.of("event-notification")) == 2 })
	for i, n := range to.of("event-notification") {
		if want := []string{"1", "2"}[i]; !slices.Equal(n.numbers, []string{want}) || n.since != want || n.status != "active" || strings.Contains(n.text, nodetest.Jack) {
			t.Errorf("event %d: %+v", i, n)
		}
		if n.header.Get("Content-Type") != "application/fhir+json" {
			t.Errorf("media type %q", n.header.Get("Content-Type"))
		}
	}
	here.Clock.Set(here.Clock.Now().Add(2 * time.Minute))
	here.Eventually("a heartbeat", func() bool { return len(to.of("heartbeat")) == 1 })
	if beat := to.of("heartbeat")[0]; beat.since != "2" || len(beat.numbers) != 0 {
		t.Errorf("heartbeat: %+v", beat)
	}
	recovers(t, leeds, to, id, publish)
	if status, _, v := leeds.ask(t, "DELETE", "/Subscription/"+id, ""); status != http.StatusNoContent {
		t.Errorf("delete: %d %v", status, v)
	}
	if status, _, _ := leeds.ask(t, "GET", "/Subscription/"+id, ""); status != http.StatusNotFound {
		t.Errorf("after it was deleted: %d", status)
	}
	if strings.Contains(here.Log.String(), "one-two-three") || strings.Contains(here.Log.String(), "Bearer four") {
		t.Error("the log has the subscriber's header")
	}
}

// recovers has a receiver fail after two events until the status is error, and sends
// what waited when its subscriber asks for that.
func recovers(t *testing.T, leeds r4Caller, to *restHook, id string, publish func() string) {
	t.Helper()
	var found map[string]any
	to.answers(http.StatusInternalServerError)
	publish()
	leeds.s.Eventually("the status is error", func() bool {
		leeds.s.Clock.Set(leeds.s.Clock.Now().Add(10 * time.Minute)) // makes pauses short
		_, _, found = leeds.ask(t, "GET", "/Subscription/"+id, "")
		return found["status"] == "error"
	})
	if text, _ := found["error"].(string); !strings.Contains(text, "answered 500") {
		t.Errorf("error: %q", text)
	}
	publish()
	_, _, v := leeds.ask(t, "GET", "/Subscription/"+id+"/$status", "")
	counted := note{body: v}
	if counted.read(); counted.since != "4" || counted.status != "error" {
		t.Errorf("counting goes on: %+v", counted)
	}
	to.answers(http.StatusOK)
	before := len(to.of("event-notification"))
	status, _, v := leeds.ask(t, "PUT", "/Subscription/"+id, r4Body(to.URL, "id-only", `"resourceType"`, `"id":"`+id+`","resourceType"`, "one-two-three", "four"))
	if status != http.StatusOK || v["status"] != "requested" {
		t.Fatalf("%d %v", status, v)
	}
	leeds.has(t, id, "active")
	leeds.s.Eventually("what waited comes", func() bool {
		got := to.of("event-notification")[before:]
		return len(got) == 2 && got[0].numbers[0] == "3" && got[1].numbers[0] == "4" && got[1].header.Get("Authorization") == "Bearer four"
	})
	// Where the endpoint changed during a handshake, that one does not count, and another follows.
	if hands := to.of("handshake"); len(hands) < 2 || len(hands) > 3 {
		t.Errorf("%d handshakes", len(hands))
	}
}

// TestR4Handshake: anything but a success is the subscription's error, which says why.
func TestR4Handshake(t *testing.T) {
	t.Parallel()
	here := nodetest.Boot(t)
	leeds := r4Leeds(here)
	refused, slow := newRestHook(t, http.StatusForbidden), newRestHook(t, http.StatusOK)
	slow.slow = 3 * time.Second
	for want, to := range map[string]string{"handshake: answered 403": refused.URL, "handshake: no answer in time": slow.URL, "handshake: no connection, or no answer in HTTP": "http://127.0.0.1:1/"} {
		id := leeds.made(t, r4Body(to, "empty"))
		if found := leeds.has(t, id, "error"); found["error"] != want {
			t.Errorf("expected %q; received %v", want, found["error"])
		}
		status, _, v := leeds.ask(t, "GET", "/Subscription/"+id+"/$status", "")
		if p := statusOf(v); status != http.StatusOK || v["type"] != "searchset" || !slices.ContainsFunc(p, func(p map[string]any) bool { return p["name"] == "error" }) {
			t.Errorf("%d %v", status, v)
		}
	}
	if len(refused.of("event-notification")) != 0 {
		t.Error("events come without a handshake")
	}
}

// TestR4Events asks for what has been counted, as its owner and as somebody else.
func TestR4Events(t *testing.T) {
	t.Parallel()
	here := nodetest.Boot(t)
	leeds, to := r4Leeds(here), newRestHook(t, http.StatusOK)
	id := leeds.made(t, r4Body(to.URL, "empty"))
	var last []byte
	for range 3 {
		last = nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
		here.Publish(here.Publisher(), last)
	}
	here.Eventually("three events", func() bool { return len(to.of("event-notification")) == 3 })
	ask := func(query string) note {
		t.Helper()
		status, _, v := leeds.ask(t, "GET", "/Subscription/"+id+"/$events"+query, "")
		n := note{body: v}
		if n.read(); status != http.StatusOK || v["type"] != "history" || n.kind != "query-event" {
			t.Fatalf("%s: %d %v", query, status, v)
		}
		return n
	}
	for query, want := range map[string]string{
		"": "1 2 3", "?eventsSinceNumber=2": "2 3", "?eventsUntilNumber=2": "1 2", "?eventsSinceNumber=2&eventsUntilNumber=2": "2", "?eventsSinceNumber=4": "", "?eventsSinceNumber=3&eventsUntilNumber=2": "",
	} {
		if n := ask(query); strings.Join(n.numbers, " ") != want || n.since != "3" || len(n.body["entry"].([]any)) != 1 {
			t.Errorf("%s: %v of %s", query, n.numbers, n.since)
		}
	}
	whole := ask("?eventsSinceNumber=3&content=full-resource").body["entry"].([]any)
	if len(whole) != 2 {
		t.Fatalf("%d entries", len(whole))
	}
	var binary struct {
		Resource struct {
			ResourceType string
			Data         []byte
		}
	}
	text, _ := json.Marshal(whole[1])
	if err := json.Unmarshal(text, &binary); err != nil || binary.Resource.ResourceType != "Binary" || string(binary.Resource.Data) != string(last) {
		t.Errorf("the message: %v %.80s", err, text)
	}
	parameters := `{"resourceType":"Parameters","parameter":[{"name":"eventsSinceNumber","valueString":"3"}]}`
	if status, _, v := leeds.ask(t, "POST", "/Subscription/"+id+"/$events", parameters); status != http.StatusOK || len(v["entry"].([]any)) != 1 {
		t.Errorf("POST: %d %v", status, v)
	}
	for _, wrong := range []string{"?eventsSinceNumber=x", "?eventsSinceNumber=-1", "?eventsSinceNumber=1&eventsSinceNumber=2", "?content=all", "?since=2"} {
		if status, _, v := leeds.ask(t, "GET", "/Subscription/"+id+"/$events"+wrong, ""); status != http.StatusBadRequest || v["resourceType"] != "OperationOutcome" {
			t.Errorf("%s: %d %v", wrong, status, v)
		}
	}
	resends(t, leeds, to, id)
	isClosed(t, r4Caller{here, nodetest.NationalID, "X26"}, id)
}

// resends has events two and three of three sent again.
func resends(t *testing.T, leeds r4Caller, to *restHook, id string) {
	t.Helper()
	status, location, v := leeds.ask(t, "POST", "/Subscription/"+id+"/$resend", `{"resourceType":"Parameters","parameter":[{"name":"eventsSinceNumber","valueString":"2"}]}`)
	if status != http.StatusAccepted || v["resourceType"] != "OperationOutcome" || !strings.Contains(location, "/$replay-status?id=") {
		t.Fatalf("$resend: %d %s %v", status, location, v)
	}
	leeds.s.Eventually("two events again", func() bool { return len(to.of("query-event")) == 2 })
	for i, n := range to.of("query-event") {
		if want := []string{"2", "3"}[i]; n.numbers[0] != want || n.since != "3" {
			t.Errorf("again: %+v", n)
		}
	}
	for _, wrong := range []string{"?eventsSinceNumber=9", "?eventsSinceNumber=3&eventsUntilNumber=2", "?eventsSinceNumber=1&eventsSinceInstant=2026-03-01T09:00:00Z", "?eventsSinceInstant=today", "?content=empty",
		"?eventsSinceInstant=2001-01-01T00:00:00Z"} {
		if status, _, v := leeds.ask(t, "POST", "/Subscription/"+id+"/$resend"+wrong, ""); status < 400 || status >= 500 || v["resourceType"] != "OperationOutcome" {
			t.Errorf("$resend%s: %d %v", wrong, status, v)
		}
	}
}

// isClosed checks that another organisation sees nothing of a subscription.
func isClosed(t *testing.T, other r4Caller, id string) {
	t.Helper()
	for _, path := range []string{"", "/$status", "/$events"} {
		if status, _, v := other.ask(t, "GET", "/Subscription/"+id+path, ""); status != http.StatusForbidden || v["resourceType"] != "OperationOutcome" {
			t.Errorf("another organisation, %q: %d %v", path, status, v)
		}
	}
	if status, _, v := other.ask(t, "DELETE", "/Subscription/"+id, ""); status != http.StatusForbidden {
		t.Errorf("another organisation deletes: %d %v", status, v)
	}
	if _, _, v := other.ask(t, "GET", "/Subscription", ""); v["entry"] != nil {
		t.Errorf("another organisation finds %v", v["entry"])
	}
}

// TestR4Full: a message goes to a URL that an operator has registered for messages,
// and to no other.
func TestR4Full(t *testing.T) {
	t.Parallel()
	here := nodetest.Boot(t)
	leeds, to := r4Leeds(here), newRestHook(t, http.StatusOK)
	status, _, v := leeds.ask(t, "POST", "/Subscription", r4Body(to.URL, "full-resource"))
	if text, _ := json.Marshal(v); status != http.StatusUnprocessableEntity || !strings.Contains(string(text), "needs an operator") {
		t.Fatalf("%d %v", status, v)
	}
	hook(t, here.Desk(), "SIGNALS", to.URL, webhook.Signal)
	if status, _, _ := leeds.ask(t, "POST", "/Subscription", r4Body(to.URL, "full-resource")); status != http.StatusUnprocessableEntity {
		t.Errorf("registered for signals: %d", status)
	}
	hook(t, here.Desk(), "MESSAGES", to.URL, webhook.Message)
	leeds.made(t, r4Body(to.URL, "full-resource"))
	m := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
	here.Publish(here.Publisher(), m)
	here.Eventually("the message", func() bool { return len(to.of("event-notification")) == 1 })
	if n := to.of("event-notification")[0]; len(n.body["entry"].([]any)) != 2 {
		t.Errorf("received %s", n.text)
	}
	status, _, v = leeds.ask(t, "POST", "/Subscription", r4Body(to.URL, "full-resource"))
	if text, _ := json.Marshal(v); status != http.StatusUnprocessableEntity || !strings.Contains(string(text), "DUPLICATE_REJECTED") {
		t.Errorf("a duplicate: %d %v", status, v)
	}
	concerns, err := operator.ShowAttention.Do(t.Context(), here.Desk(), operator.None{})
	if err != nil || slices.ContainsFunc(concerns.Concerns, func(c operator.Concern) bool { return strings.Contains(c.Text, "R4-") }) {
		t.Errorf("attention: %+v %v", concerns.Concerns, err)
	}
}

// TestR4Restart: what a subscription is, and how far it has counted, outlives the node.
// Nobody is asked for another handshake. Heartbeats that fail are an error too.
func TestR4Restart(t *testing.T) {
	here := nodetest.Boot(t)
	leeds, to := r4Leeds(here), newRestHook(t, http.StatusOK)
	id := leeds.made(t, r4Body(to.URL, "id-only"))
	leeds.has(t, id, "active")
	here.Publish(here.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	here.Eventually("an event", func() bool { return len(to.of("event-notification")) == 1 })
	here.Stop()
	here.Run()
	leeds.has(t, id, "active")
	here.Publish(here.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	here.Eventually("another event", func() bool { got := to.of("event-notification"); return len(got) == 2 && got[1].numbers[0] == "2" })
	if hands := to.of("handshake"); len(hands) != 1 {
		t.Errorf("%d handshakes", len(hands))
	}
	to.answers(http.StatusBadGateway)
	var found map[string]any
	here.Eventually("heartbeats fail", func() bool {
		here.Clock.Set(here.Clock.Now().Add(2 * time.Minute))
		_, _, found = leeds.ask(t, "GET", "/Subscription/"+id, "")
		return found["status"] == "error"
	})
	if text, _ := found["error"].(string); text != "heartbeat: answered 502" {
		t.Errorf("error: %q", text)
	}
	if status, _, v := leeds.ask(t, "GET", "/Subscription/$status?status=error", ""); status != http.StatusOK || len(v["entry"].([]any)) != 1 {
		t.Errorf("$status: %d %v", status, v)
	}
	if status, _, v := leeds.ask(t, "POST", "/$status", `{"resourceType":"Parameters","parameter":[{"name":"status","valueCode":"active"}]}`); status != http.StatusOK || v["entry"] != nil {
		t.Errorf("$status of active ones: %d %v", status, v)
	}
}

// TestR4Update: what cannot be changed is refused, with the element.
func TestR4Update(t *testing.T) {
	t.Parallel()
	here := nodetest.Boot(t)
	leeds, to := r4Leeds(here), newRestHook(t, http.StatusOK)
	id := leeds.made(t, r4Body(to.URL, "id-only"))
	leeds.has(t, id, "active")
	own := []string{`"resourceType"`, `"id":"` + id + `","resourceType"`}
	for name, change := range map[string][]string{
		"Subscription.id":               {`"resourceType"`, `"resourceType"`},
		"Subscription.status":           append([]string{`"requested"`, `"off"`}, own...),
		"Subscription.reason":           append([]string{`A test`, `Another`}, own...),
		"Subscription.criteria":         append([]string{`vaccinations-1`, `pds-death-notification-1`}, own...),
		"Subscription.channel.endpoint": append([]string{to.URL, to.URL + "/other"}, own...),
		"Subscription.channel.payload":  append([]string{`"id-only"`, `"empty"`}, own...),
		"Subscription.end":              append([]string{`"reason"`, `"end":"2101-01-01T00:00:00Z","reason"`}, own...),
		"Subscription.channel.header":   append([]string{`Authorization: Bearer one-two-three`, `X-Other: [not shown]`}, own...),
		"Subscription.criteria.extension('" + backport + "backport-filter-criteria').value": append([]string{`number|` + nodetest.Jack, `number|` + nodetest.Jack + `0`}, own...),
	} {
		status, _, v := leeds.ask(t, "PUT", "/Subscription/"+id, r4Body(to.URL, "id-only", change...))
		text, _ := json.Marshal(v)
		if status != http.StatusUnprocessableEntity || !strings.Contains(string(text), `"expression":["`+name+`"]`) {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	read := func() string {
		_, _, v := leeds.ask(t, "GET", "/Subscription/"+id, "")
		b, _ := json.Marshal(v)
		return string(b)
	}
	if status, _, v := leeds.ask(t, "PUT", "/Subscription/"+id, strings.Replace(read(), `"valueUnsignedInt":60`, `"valueUnsignedInt":600`, 1)); status != http.StatusOK || v["status"] != "active" {
		t.Errorf("as it was read: %d %v", status, v)
	}
	if !strings.Contains(read(), `"valueUnsignedInt":600`) {
		t.Errorf("nothing changed: %s", read())
	}
	here.Publish(here.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	here.Eventually("an event, with the header that was kept", func() bool {
		got := to.of("event-notification")
		return len(got) == 1 && got[0].header.Get("Authorization") == "Bearer one-two-three"
	})
	if _, err := here.Leeds().Subscribe(t.Context(), client.Subscription{Criteria: about(nodetest.Jack) + vaccinations, Mailbox: endpointOf(t, here), Reason: "A test"}); err == nil || !strings.Contains(err.Error(), "made in R4") {
		t.Errorf("another subscription to its endpoint: %v", err)
	}
	for query, want := range map[string]int{"?_id=" + id: 1, "?_id=" + id + "," + strings.Repeat("0", 32): 1, "?_id=x": 0, "?url=" + to.URL: 1, "?url=https://other": 0, "?status=active": 1, "?status=off": 0,
		"?topic=urn:nhs-uk:nems:topic:vaccinations-1": 1, "?topic=urn:nhs-uk:nems:topic:other-1": 0, "?_count=1": 1} {
		status, _, v := leeds.ask(t, "GET", "/Subscription"+query, "")
		entries, _ := v["entry"].([]any)
		if status != http.StatusOK || len(entries) != want {
			t.Errorf("search %s: %d %v", query, status, v)
		}
	}
	if err := operator.DisableEndpoint.Run(t.Context(), here.Desk(), operator.EndpointRef{ID: endpointOf(t, here)}); err != nil {
		t.Fatal(err)
	}
	if status, _, v := leeds.ask(t, "PUT", "/Subscription/"+id, r4Body(to.URL, "id-only", own...)); status != http.StatusUnprocessableEntity {
		t.Errorf("switched off by an operator: %d %v", status, v)
	}
}

// TestR4Barred: deleting a subscription and making it again undoes nothing that an
// operator did with its endpoint.
func TestR4Barred(t *testing.T) {
	t.Parallel()
	here := nodetest.Boot(t)
	leeds, to := r4Leeds(here), newRestHook(t, http.StatusOK)
	again := func() string {
		id := leeds.made(t, r4Body(to.URL, "id-only"))
		leeds.has(t, id, "active")
		return id
	}
	remove := func(id string) {
		if status, _, v := leeds.ask(t, "DELETE", "/Subscription/"+id, ""); status != http.StatusNoContent {
			t.Fatalf("%d %v", status, v)
		}
	}
	id := again()
	at := operator.EndpointRef{ID: endpointOf(t, here)}
	if _, err := operator.RotateEndpoint.Do(t.Context(), here.Desk(), at); err != nil {
		t.Fatal(err)
	}
	remove(id)
	id = again()
	if hands := to.of("handshake"); len(hands) != 2 || hands[1].header.Get("webhook-signature") == "" {
		t.Errorf("the secret is gone: %+v", hands)
	}
	if err := operator.DisableEndpoint.Run(t.Context(), here.Desk(), at); err != nil {
		t.Fatal(err)
	}
	remove(id)
	status, _, v := leeds.ask(t, "POST", "/Subscription", r4Body(to.URL, "id-only"))
	if text, _ := json.Marshal(v); status != http.StatusUnprocessableEntity || !strings.Contains(string(text), "operator has") {
		t.Errorf("%d %s", status, text)
	}
	if err := operator.EnableEndpoint.Run(t.Context(), here.Desk(), at); err != nil {
		t.Fatal(err)
	}
	again()
}

// endpointOf returns the id of the only endpoint.
func endpointOf(t *testing.T, s *nodetest.Server) string {
	t.Helper()
	found, err := operator.ListEndpoints.Do(t.Context(), s.Desk(), operator.Paging{})
	if err != nil || len(found.Items) != 1 || found.Items[0].Form != string(webhook.Notification) {
		t.Fatalf("%+v, %v", found, err)
	}
	return found.Items[0].ID
}
