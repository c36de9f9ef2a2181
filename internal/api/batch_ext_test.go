package api_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"nems/internal/access"
	"nems/internal/directory/devworld"
	"nems/internal/fhir"
)

// entry is one entry of a batch under test, with the expected answer.
type entry struct {
	method, url, resource, extra string
	status, code                 string
}

// batchOf writes a Bundle of type batch.
func batchOf(kind string, entries ...entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<Bundle xmlns="http://hl7.org/fhir"><type value="%s"/>`, kind)
	for _, e := range entries {
		b.WriteString("<entry>")
		if e.resource != "" {
			b.WriteString("<resource>" + e.resource + "</resource>")
		}
		fmt.Fprintf(&b, `<request><method value="%s"/><url value="%s"/>%s</request></entry>`, e.method, e.url, e.extra)
	}
	return b.String() + "</Bundle>"
}

func (fx *fixture) batch(s system, body string) *httptest.ResponseRecorder {
	return fx.send(fx.request(s, "POST", "/STU3", access.CreateInteraction, body))
}

// statuses lists the outcomes of the entries: status and Spine code.
func statuses(response fhir.Node) []string {
	var out []string
	for e := range response.ChildrenNamed("entry") {
		r := e.Child("response")
		code := r.Child("outcome").Resource().At("issue", "details", "coding", "code").Value()
		out = append(out, strings.TrimSpace(strings.Fields(r.Child("status").Value())[0]+" "+code))
	}
	return out
}

func TestBatch(t *testing.T) {
	fx := newFixture(t)
	gone := fx.subscribe(leeds, "MAILBOX1234", about(number(1), vaccine))
	foreign := fx.subscribe(national, "X26ABC1", about(jack, vaccine))
	create := func(criteria string) string { return resource(leeds, "MAILBOX1234", criteria) }
	entries := []entry{
		{"POST", "Subscription", create(about(jack, vaccine)), "", "201", ""},
		{"POST", "Subscription", create(about(jack, vaccine)), "", "422", "DUPLICATE_REJECTED"},
		{"POST", "Subscription", create(about(number(1), vaccine)), "", "201", ""}, // equal to the one that is deleted below
		{"DELETE", "Subscription/" + gone, "", "", "200", ""},
		{"DELETE", "Subscription/" + gone, "", "", "404", "NO_RECORD_FOUND"},
		{"DELETE", "Subscription/" + foreign, "", "", "403", "ACCESS_DENIED"},
		{"DELETE", "Subscription/short", "", "", "400", "BAD_REQUEST"},
		{"DELETE", "Subscription/" + strings.Repeat("0", 32), "", "", "404", "NO_RECORD_FOUND"},
		{"DELETE", "Subscription?status=active", "", "", "422", "INVALID_RESOURCE"},
		{"POST", "Subscription", resource(national, "X26ABC1", about(jack, vaccine)), "", "403", "ACCESS_DENIED"},
		{"POST", "Subscription", create("/Bundle?type=message"), "", "400", "INVALID_REQUEST_MESSAGE"},
		{"POST", "Subscription", create(about("9912003889", vaccine)), "", "400", "INVALID_NHS_NUMBER"},
		{"POST", "Subscription", strings.Replace(create(about(other, vaccine)), `<status value="requested"/>`, `<status value="off"/>`, 1), "", "422", "INVALID_RESOURCE"},
		{"POST", "Subscription", strings.Replace(create(about(other, vaccine)), `<status`, `<state value="x"/><status`, 1), "", "422", "INVALID_RESOURCE"},
		{"POST", "Subscription", strings.Replace(create(about(other, vaccine)), `<status`, `<id value="x"/><status`, 1), "", "405", "MSG_RESOURCE_ID_FAIL"},
		{"POST", "Subscription", `<Basic xmlns="http://hl7.org/fhir"><code><text value="x"/></code></Basic>`, "", "422", "INVALID_RESOURCE"},
		{"POST", "Subscription", "", "", "422", "INVALID_RESOURCE"},
		{"POST", "Subscription", create(about(other, vaccine)), `<ifNoneExist value="status=active"/>`, "422", "INVALID_RESOURCE"},
		{"GET", "Subscription/" + foreign, "", "", "422", "INVALID_RESOURCE"},
		{"POST", "Subscription", create(about(other, vaccine)), "", "201", ""},
	}
	answer := fx.batch(leeds, batchOf("batch", entries...))
	if answer.Code != 200 {
		t.Fatalf("%d %s", answer.Code, answer.Body)
	}
	response := parse(t, answer)
	got := statuses(response)
	for i, e := range entries {
		if want := strings.TrimSpace(e.status + " " + e.code); i >= len(got) || got[i] != want {
			t.Errorf("entry %d, %s %s: expected %s; received %s", i, e.method, e.url, want, got[i])
		}
	}
	if !response.Child("type").EqualValue("batch-response") {
		t.Error("not a batch-response")
	}
	location := response.Child("entry").Child("response").Child("location").Value()
	read := fx.send(fx.request(leeds, "GET", strings.TrimPrefix(location, "http://nems.test"), access.ReadInteraction, ""))
	if read.Code != 200 || parse(t, read).Child("criteria").Value() != about(jack, vaccine) {
		t.Errorf("the first one cannot be read at %s: %d", location, read.Code)
	}
	fx.silent()
}

func TestBatchInJSON(t *testing.T) {
	fx := newFixture(t)
	good := func(n int) string {
		return fmt.Sprintf(`{"resource":{"resourceType":"Subscription","status":"requested","contact":[{"system":"url","value":"https://directory.spineservices.nhs.uk/STU3/Organization/RR8","use":"work"}],`+
			`"reason":"A test","criteria":"%s","channel":{"type":"message","endpoint":"MAILBOX1234"}},"request":{"method":"POST","url":"Subscription"}}`, about(number(n), vaccine))
	}
	send := func(entries ...string) *httptest.ResponseRecorder {
		r := fx.request(leeds, "POST", "/STU3/", access.CreateInteraction, `{"resourceType":"Bundle","type":"batch","entry":[`+strings.Join(entries, ",")+`]}`)
		r.Header.Set("Content-Type", "application/fhir+json")
		r.Header.Set("Accept", "application/fhir+json")
		return fx.send(r)
	}
	misspelt := strings.Replace(good(2), `"reason"`, `"raeson"`, 1)
	if got := statuses(parse(t, send(good(1), misspelt, good(3)))); fmt.Sprint(got) != "[201 422 INVALID_RESOURCE 201]" {
		t.Errorf("received %v", got)
	}
	for _, entries := range [][]string{{good(4), "null", good(5)}, {`17`, good(4)}, {"[]", good(4)}} {
		refused(t, send(entries...), 422, "INVALID_RESOURCE")
	}
	refused(t, send(good(4)+`,"x"`), 422, "INVALID_RESOURCE")
	refused(t, send(good(4), "{"), 400, "MESSAGE_NOT_WELL_FORMED")
	if got := ids(parse(t, fx.search(leeds, ""))); len(got) != 2 {
		t.Errorf("expected 2 subscriptions; received %d", len(got))
	}
}

// TestBatchWithManyFaults: findings are capped, so entries after the cap may
// have faults that are not listed. Such entries must not pass.
func TestBatchWithManyFaults(t *testing.T) {
	fx := newFixture(t)
	var entries []entry
	for n := range 300 {
		r := resource(leeds, "MAILBOX1234", about(number(n), vaccine))
		if n < 290 {
			r = strings.Replace(r, "<status", "<wrong/><status", 1)
		}
		entries = append(entries, entry{method: "POST", url: "Subscription", resource: r})
	}
	for i, got := range statuses(parse(t, fx.batch(leeds, batchOf("batch", entries...)))) {
		if got != "422 INVALID_RESOURCE" {
			t.Errorf("entry %d: %s", i, got)
		}
	}
	if got := ids(parse(t, fx.search(leeds, ""))); len(got) != 0 {
		t.Errorf("%d entries passed", len(got))
	}
}

func TestBatchRefused(t *testing.T) {
	fx := newFixture(t)
	one := entry{method: "POST", url: "Subscription", resource: resource(leeds, "MAILBOX1234", about(jack, vaccine))}
	refused(t, fx.batch(leeds, batchOf("transaction", one)), 422, "INVALID_RESOURCE")
	refused(t, fx.batch(leeds, batchOf("message", one)), 422, "INVALID_RESOURCE")
	refused(t, fx.batch(leeds, batchOf("batchy", one)), 422, "INVALID_RESOURCE")
	refused(t, fx.batch(leeds, one.resource), 422, "INVALID_RESOURCE")
	refused(t, fx.batch(leeds, "<Bundle"), 400, "MESSAGE_NOT_WELL_FORMED")
	refused(t, fx.batch(leeds, ""), 400, "MESSAGE_NOT_WELL_FORMED")
	many := make([]entry, 1001)
	for i := range many {
		many[i] = entry{method: "DELETE", url: "Subscription/" + strings.Repeat("0", 32)}
	}
	if text := refused(t, fx.batch(leeds, batchOf("batch", many...)), 400, "INVALID_REQUEST_MESSAGE"); !strings.Contains(text, "1000") {
		t.Errorf("it does not say how many are allowed: %s", text)
	}
	refused(t, fx.batch(publisher, batchOf("batch", one)), 403, "ASID_CHECK_FAILED")
	if got := statuses(parse(t, fx.batch(leeds, batchOf("batch")))); len(got) != 0 {
		t.Errorf("an empty batch: %v", got)
	}
}

// TestBatchNeedsEntitlement: a batch has the interaction of creating; deleting
// needs a registration of its own.
func TestBatchNeedsEntitlement(t *testing.T) {
	fx := newFixture(t)
	id := fx.subscribe(leeds, "MAILBOX1234", about(jack, vaccine))
	for _, s := range devworld.Systems() {
		if s.ASID == leeds.asid {
			s.Interactions = []string{access.CreateInteraction}
			fx.only(s)
		}
	}
	got := statuses(parse(t, fx.batch(leeds, batchOf("batch",
		entry{method: "DELETE", url: "Subscription/" + id},
		entry{method: "POST", url: "Subscription", resource: resource(leeds, "MAILBOX1234", about(other, vaccine))},
	))))
	if fmt.Sprint(got) != "[403 ASID_CHECK_FAILED 201]" {
		t.Errorf("received %v", got)
	}
}

// TestBatchOverBusyStore: entries that the store does not accept are refused
// one by one, and can be sent again.
func TestBatchOverBusyStore(t *testing.T) {
	fx := newFixture(t)
	gone := fx.subscribe(leeds, "MAILBOX1234", about(number(1), vaccine))
	entries := []entry{{method: "DELETE", url: "Subscription/" + gone}}
	for n := range 600 {
		entries = append(entries, entry{method: "POST", url: "Subscription", resource: resource(leeds, "MAILBOX1234", about(number(n), vaccine))})
	}
	fx.full.Store(true)
	for i, got := range statuses(parse(t, fx.batch(leeds, batchOf("batch", entries...)))) {
		if want := map[bool]string{true: "200", false: "503 INTERNAL_SERVER_ERROR"}[i == 0]; got != want {
			t.Fatalf("entry %d: expected %s; received %s", i, want, got)
		}
	}
	fx.full.Store(false)
	for i, got := range statuses(parse(t, fx.batch(leeds, batchOf("batch", entries[1:]...)))) {
		if got != "201" {
			t.Fatalf("entry %d, sent again: %s", i, got)
		}
	}
}
