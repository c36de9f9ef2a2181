package node_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"nems/internal/access"
	"nems/internal/jwt"
	"nems/internal/node/nodetest"
)

// r4Caller is a system that calls the R4 API.
type r4Caller struct {
	s         *nodetest.Server
	asid, ods string
}

func r4Leeds(s *nodetest.Server) r4Caller { return r4Caller{s, nodetest.LeedsID, "RR8"} }

// ask sends a request and returns the status, the Location and the resource.
func (c r4Caller) ask(t *testing.T, method, path, body string) (int, string, map[string]any) {
	t.Helper()
	interaction, scope := access.ReadInteraction, jwt.ScopeRead
	operation := strings.Contains(path, "$") || strings.Contains(path, "_search")
	switch {
	case method == http.MethodDelete:
		interaction, scope = access.DeleteInteraction, jwt.ScopeWrite
	case method == http.MethodPut, method == http.MethodPost && !operation:
		interaction, scope = access.CreateInteraction, jwt.ScopeWrite
	}
	a := c.s.Send(&nodetest.Request{Method: method, Path: "/R4" + path, Body: []byte(body), Header: http.Header{
		"Authorization": {"Bearer " + c.s.Token(c.asid, c.ods, scope).Unsigned()}, "Fromasid": {c.asid}, "Toasid": {nodetest.NEMS},
		"Interactionid": {interaction}, "Accept": {"application/fhir+json"}, "Content-Type": {"application/fhir+json"},
	}})
	var v map[string]any
	if len(a.Body) > 0 {
		if err := json.Unmarshal(a.Body, &v); err != nil {
			t.Fatalf("%s %s: %d, not JSON: %q", method, path, a.Status, a.Body)
		}
	}
	return a.Status, a.Header.Get("Location"), v
}

// r4Body is a subscription to the vaccinations of a patient.
func r4Body(url, content string, more ...string) string {
	body := `{"resourceType":"Subscription","status":"requested","reason":"A test","criteria":"urn:nhs-uk:nems:topic:vaccinations-1",
"_criteria":{"extension":[{"url":"` + backport + `backport-filter-criteria","valueString":"patient=https://fhir.nhs.uk/Id/nhs-number|` + nodetest.Jack + `"}]},
"channel":{"extension":[{"url":"` + backport + `backport-heartbeat-period","valueUnsignedInt":60},{"url":"` + backport + `backport-timeout","valueUnsignedInt":2}],
"type":"rest-hook","endpoint":"` + url + `","payload":"application/fhir+json","_payload":{"extension":[{"url":"` + backport + `backport-payload-content","valueCode":"` + content + `"}]},
"header":["Authorization: Bearer one-two-three"]}}`
	return strings.NewReplacer(more...).Replace(body)
}

const backport = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"

// restHook takes notifications.
type restHook struct {
	*httptest.Server
	mu     sync.Mutex
	answer int
	slow   time.Duration
	got    []note
}

// note is a notification as it came.
type note struct {
	kind, status, since string
	numbers             []string
	header              http.Header
	body                map[string]any
	text                string
}

func newRestHook(t *testing.T, answer int) *restHook {
	r := &restHook{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		text, _ := io.ReadAll(q.Body)
		n := note{header: q.Header, text: string(text)}
		_ = json.Unmarshal(text, &n.body)
		n.read()
		r.mu.Lock()
		r.got = append(r.got, n)
		answer, slow := r.answer, r.slow
		r.mu.Unlock()
		time.Sleep(slow)
		w.WriteHeader(answer)
	}))
	t.Cleanup(r.Close)
	return r
}

// read takes out what tests look at.
func (n *note) read() {
	for _, p := range statusOf(n.body) {
		value, _ := p["valueCode"].(string)
		switch p["name"] {
		case "type":
			n.kind = value
		case "status":
			n.status = value
		case "events-since-subscription-start":
			n.since, _ = p["valueString"].(string)
		case "notification-event":
			for _, part := range p["part"].([]any) {
				if part := part.(map[string]any); part["name"] == "event-number" {
					n.numbers = append(n.numbers, part["valueString"].(string))
				}
			}
		}
	}
}

// statusOf returns the parameters of a bundle's first entry.
func statusOf(bundle map[string]any) (out []map[string]any) {
	entries, _ := bundle["entry"].([]any)
	if len(entries) == 0 {
		return nil
	}
	resource, _ := entries[0].(map[string]any)["resource"].(map[string]any)
	list, _ := resource["parameter"].([]any)
	for _, p := range list {
		out = append(out, p.(map[string]any))
	}
	return out
}

func (r *restHook) answers(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = status
}

// of returns what came of a type.
func (r *restHook) of(kind string) (out []note) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.got {
		if n.kind == kind {
			out = append(out, n)
		}
	}
	return out
}

// has waits until a subscription has a status, and returns it.
func (c r4Caller) has(t *testing.T, id, status string) (found map[string]any) {
	t.Helper()
	c.s.Eventually("the status "+status, func() bool {
		_, _, found = c.ask(t, "GET", "/Subscription/"+id, "")
		return found["status"] == status
	})
	return found
}

// made creates a subscription.
func (c r4Caller) made(t *testing.T, body string) string {
	t.Helper()
	status, location, v := c.ask(t, "POST", "/Subscription", body)
	if status != http.StatusCreated || !strings.HasSuffix(location, "/R4/Subscription/"+v["id"].(string)) || v["status"] != "requested" {
		t.Fatalf("%d %s %v", status, location, v)
	}
	return v["id"].(string)
}
