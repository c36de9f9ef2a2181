package node_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"nems/internal/node/nodetest"
)

const (
	filterExtension = `{"url":"` + backport + `backport-filter-criteria","valueString":"patient=https://fhir.nhs.uk/Id/nhs-number|` + nodetest.Jack + `"}`
	beatExtension   = `{"url":"` + backport + `backport-heartbeat-period","valueUnsignedInt":60}`
	contentPart     = `"_payload":{"extension":[{"url":"` + backport + `backport-payload-content","valueCode":"id-only"}]}`
	aHook           = "https://rr8.example.nhs.uk/hook"
	aHeader         = `"Authorization: Bearer one-two-three"`
	aTopic          = "urn:nhs-uk:nems:topic:vaccinations-1"
)

func withFilter(value string) []string {
	text, _ := json.Marshal(value)
	return []string{filterExtension, `{"url":"` + backport + `backport-filter-criteria","valueString":` + string(text) + `}`}
}

// wrongCreates are Subscriptions that are wrong in one way: what to replace in one
// that is right, and which element the answer names, "" for none.
var wrongCreates = []struct {
	name       string
	replace    []string
	expression string
}{
	{"not JSON", []string{`{"resourceType"`, `{resourceType`}, ""},
	{"cut off", []string{`"header":[` + aHeader + `]}}`, ``}, ""},
	{"a name twice", []string{`"status":"requested"`, `"status":"requested","status":"off"`}, ""},
	{"not UTF-8", []string{"A test", "A \xff test"}, ""},
	{"another resource", []string{`"resourceType":"Subscription"`, `"resourceType":"Patient"`}, "Subscription"},
	{"no resource type", []string{`"resourceType":"Subscription",`, ``}, "Subscription"},
	{"a list", []string{`{"resourceType"`, `[{"resourceType"`, aHeader + `]}}`, aHeader + `]}}]`}, "Subscription"},
	{"an id", []string{`"status":"req`, `"id":"0123","status":"req`}, ""},
	{"an unknown element", []string{`"status":"req`, `"colour":"red","status":"req`}, "Subscription"},
	{"a modifier", []string{`"status":"req`, `"modifierExtension":[{"url":"urn:x"}],"status":"req`}, "Subscription.modifierExtension"},
	{"implicit rules", []string{`"status":"req`, `"implicitRules":"urn:x","status":"req`}, "Subscription.implicitRules"},
	{"no status", []string{`"status":"requested",`, ``}, "Subscription.status"},
	{"active at once", []string{`"requested"`, `"active"`}, "Subscription.status"},
	{"off", []string{`"requested"`, `"off"`}, "Subscription.status"},
	{"error", []string{`"requested"`, `"error"`}, "Subscription.status"},
	{"a status that is no code", []string{`"requested"`, `7`}, "Subscription.status"},
	{"a status of null", []string{`"requested"`, `null`}, "Subscription.status"},
	{"no reason", []string{`"reason":"A test",`, ``}, "Subscription.reason"},
	{"a blank reason", []string{`"A test"`, `"  "`}, "Subscription.reason"},
	{"a long reason", []string{`A test`, strings.Repeat("x", 5000)}, "Subscription.reason"},
	{"control characters", []string{`A test`, `A\u0000test`}, "Subscription.reason"},
	{"an end in the past", []string{`"reason"`, `"end":"2001-01-01T00:00:00Z","reason"`}, ""},
	{"an end without a zone", []string{`"reason"`, `"end":"2101-01-01T00:00:00","reason"`}, "Subscription.end"},
	{"an end that is a day", []string{`"reason"`, `"end":"2101-01-01","reason"`}, "Subscription.end"},
	{"an end that is a number", []string{`"reason"`, `"end":2101,"reason"`}, "Subscription.end"},
	{"no criteria", []string{`"criteria":"` + aTopic + `",`, ``}, "Subscription.criteria"},
	{"criteria of STU3", []string{aTopic, `/Bundle?type=message`}, "Subscription.criteria"},
	{"an unknown topic", []string{aTopic, aTopic + `9`}, "Subscription.criteria"},
	{"a topic with a version", []string{aTopic, aTopic + `|1.0`}, "Subscription.criteria"},
	{"an event code alone", []string{aTopic, `vaccinations-1`}, "Subscription.criteria"},
	{"no filter", []string{filterExtension, `{"url":"urn:x"}`}, "Subscription.criteria.extension"},
	{"an empty list of filters", []string{filterExtension, ``}, "Subscription.criteria.extension"},
	{"a filter without a value", []string{filterExtension, `{"url":"` + backport + `backport-filter-criteria"}`}, "Subscription.criteria.extension"},
	{"a filter that is no string", []string{filterExtension, `{"url":"` + backport + `backport-filter-criteria","valueString":1}`}, "Subscription.criteria.extension"},
	{"an extension that is no object", []string{filterExtension, `7`}, "Subscription.criteria.extension"},
	{"an unknown filter", withFilter("colour=red"), "Subscription.criteria.extension"},
	{"a modifier of a filter", withFilter("patient:not=https://fhir.nhs.uk/Id/nhs-number|" + nodetest.Jack), "Subscription.criteria.extension"},
	{"a filter without a sign", withFilter("patient"), "Subscription.criteria.extension"},
	{"a blank patient", withFilter("patient="), "Subscription.criteria.extension"},
	{"a number alone", withFilter("patient=" + nodetest.Jack), "Subscription.criteria.extension"},
	{"another system", withFilter("patient=urn:x|" + nodetest.Jack), "Subscription.criteria.extension"},
	{"a wrong check digit", withFilter("patient=https://fhir.nhs.uk/Id/nhs-number|9912003889"), "Subscription.criteria.extension"},
	{"two patients", withFilter("patient=https://fhir.nhs.uk/Id/nhs-number|" + nodetest.Jack + "&patient=https://fhir.nhs.uk/Id/nhs-number|" + nodetest.Jack), "Subscription.criteria.extension"},
	{"a patient and a place", withFilter("patient=https://fhir.nhs.uk/Id/nhs-number|" + nodetest.Jack + "&gp-practice=B86056"), "Subscription.criteria.extension"},
	{"two places", withFilter("gp-practice=B86056&country=E92000001"), "Subscription.criteria.extension"},
	{"an unknown country", withFilter("country=E92000009"), "Subscription.criteria.extension"},
	{"an unknown practice", withFilter("gp-practice=Z99999"), ""},
	{"a practice that is no code", withFilter("gp-practice=!!"), "Subscription.criteria.extension"},
	{"age alone", withFilter("age=lt5"), "Subscription.criteria.extension"},
	{"an impossible age", withFilter("gp-practice=B86056&age=lt5&age=gt9"), "Subscription.criteria.extension"},
	{"an age in words", withFilter("gp-practice=B86056&age=five"), "Subscription.criteria.extension"},
	{"three ages", withFilter("gp-practice=B86056&age=lt5&age=gt1&age=gt2"), "Subscription.criteria.extension"},
	{"an unknown registration", withFilter("gp-practice=B86056&gp-registration=maybe"), "Subscription.criteria.extension"},
	{"components of the service", withFilter("gp-practice=B86056%26MessageHeader.event=pds-death-notification-1"), "Subscription.criteria.extension"},
	{"no channel", []string{`"channel":{`, `"text":{`}, "Subscription.channel"},
	{"a channel that is a list", []string{`"channel":{`, `"channel":[],"text":{`}, "Subscription.channel"},
	{"no type", []string{`"type":"rest-hook",`, ``}, "Subscription.channel.type"},
	{"websocket", []string{`"rest-hook"`, `"websocket"`}, "Subscription.channel.type"},
	{"email", []string{`"rest-hook"`, `"email"`}, "Subscription.channel.type"},
	{"a channel of its own", []string{`"type":"rest-hook"`, `"type":"rest-hook","_type":{"extension":[{"url":"` + backport + `backport-channel-type","valueCoding":{"code":"zulip"}}]}`}, "Subscription.channel.type"},
	{"no endpoint", []string{`"endpoint":"` + aHook + `",`, ``}, "Subscription.channel.endpoint"},
	{"ftp", []string{aHook, `ftp://rr8.example.nhs.uk/`}, "Subscription.channel.endpoint"},
	{"a mailbox", []string{aHook, nodetest.LeedsBox}, "Subscription.channel.endpoint"},
	{"no host", []string{aHook, `https:///hook`}, "Subscription.channel.endpoint"},
	{"a password", []string{aHook, `https://me:secret@rr8.example.nhs.uk/`}, "Subscription.channel.endpoint"},
	{"a fragment", []string{aHook, aHook + `#here`}, "Subscription.channel.endpoint"},
	{"blanks in the URL", []string{aHook, aHook + ` x`}, "Subscription.channel.endpoint"},
	{"a very long URL", []string{aHook, aHook + strings.Repeat("x", 3000)}, "Subscription.channel.endpoint"},
	{"no payload", []string{`"payload":"application/fhir+json",`, ``}, "Subscription.channel.payload"},
	{"XML", []string{`"payload":"application/fhir+json"`, `"payload":"application/fhir+xml"`}, "Subscription.channel.payload"},
	{"R4B", []string{`"payload":"application/fhir+json"`, `"payload":"application/fhir+json; fhirVersion=4.3"`}, "Subscription.channel.payload"},
	{"text", []string{`"payload":"application/fhir+json"`, `"payload":"text/plain"`}, "Subscription.channel.payload"},
	{"no content", []string{contentPart + `,`, ``}, "Subscription.channel.payload.extension"},
	{"an unknown content", []string{`"id-only"`, `"half-resource"`}, "Subscription.channel.payload.extension"},
	{"a message to anywhere", []string{`"id-only"`, `"full-resource"`}, "Subscription.channel.payload.extension"},
	{"two contents", []string{contentPart, strings.Replace(contentPart, `"id-only"}`, `"id-only"},{"url":"`+backport+`backport-payload-content","valueCode":"empty"}`, 1)}, "Subscription.channel.payload.extension"},
	{"no heartbeat at all", []string{beatExtension, strings.Replace(beatExtension, "60", "0", 1)}, "Subscription.channel.extension"},
	{"a heartbeat each second", []string{beatExtension, strings.Replace(beatExtension, "60", "1", 1)}, "Subscription.channel.extension"},
	{"a heartbeat of half a second", []string{beatExtension, strings.Replace(beatExtension, "60", "60.5", 1)}, "Subscription.channel.extension"},
	{"a heartbeat in words", []string{beatExtension, strings.Replace(beatExtension, "60", `"60"`, 1)}, "Subscription.channel.extension"},
	{"two heartbeats", []string{beatExtension, beatExtension + "," + beatExtension}, "Subscription.channel.extension"},
	{"a long timeout", []string{`"valueUnsignedInt":2`, `"valueUnsignedInt":61`}, "Subscription.channel.extension"},
	{"a negative timeout", []string{`"valueUnsignedInt":2`, `"valueUnsignedInt":-1`}, "Subscription.channel.extension"},
	{"no events in a notification", []string{beatExtension, `{"url":"` + backport + `backport-max-count","valuePositiveInt":0}`}, "Subscription.channel.extension"},
	{"a header without a colon", []string{aHeader, `"Authorization"`}, "Subscription.channel.header"},
	{"a header without a value", []string{aHeader, `"Authorization: "`}, "Subscription.channel.header"},
	{"a header of two lines", []string{aHeader, `"X-One: 1\r\nX-Two: 2"`}, "Subscription.channel.header"},
	{"a header with a tab", []string{aHeader, `"X-One: 1\t2"`}, "Subscription.channel.header"},
	{"a blank in a header's name", []string{aHeader, `"X One: 1"`}, "Subscription.channel.header"},
	{"Host", []string{aHeader, `"Host: localhost"`}, "Subscription.channel.header"},
	{"host in small letters", []string{aHeader, `"host: localhost"`}, "Subscription.channel.header"},
	{"Content-Length", []string{aHeader, `"Content-Length: 0"`}, "Subscription.channel.header"},
	{"Content-Type", []string{aHeader, `"content-type: text/plain"`}, "Subscription.channel.header"},
	{"Transfer-Encoding", []string{aHeader, `"Transfer-Encoding: chunked"`}, "Subscription.channel.header"},
	{"Connection", []string{aHeader, `"Connection: close"`}, "Subscription.channel.header"},
	{"HTTP2-Settings", []string{aHeader, `"HTTP2-Settings: x"`}, "Subscription.channel.header"},
	{"Proxy-Authorization", []string{aHeader, `"proxy-authorization: x"`}, "Subscription.channel.header"},
	{"Cookie", []string{aHeader, `"COOKIE: a=1"`}, "Subscription.channel.header"},
	{"X-Forwarded-For", []string{aHeader, `"X-Forwarded-For: 127.0.0.1"`}, "Subscription.channel.header"},
	{"Forwarded", []string{aHeader, `"forwarded: for=127.0.0.1"`}, "Subscription.channel.header"},
	{"an underscore for a hyphen", []string{aHeader, `"Content_Length: 0"`}, "Subscription.channel.header"},
	{"underscores for hyphens", []string{aHeader, `"x_forwarded_for: 127.0.0.1"`}, "Subscription.channel.header"},
	{"ce-id", []string{aHeader, `"ce-id: 1"`}, "Subscription.channel.header"},
	{"webhook-signature", []string{aHeader, `"Webhook-Signature: v1,x"`}, "Subscription.channel.header"},
	{"too many headers", []string{aHeader, aHeader + strings.Repeat(`,"X-One: 1"`, 10)}, "Subscription.channel.header"},
	{"an endless header", []string{aHeader, `"X-One: ` + strings.Repeat("x", 3000) + `"`}, "Subscription.channel.header"},
	{"a header that is an object", []string{aHeader, `{}`}, "Subscription.channel.header"},
	{"a modifier of the channel", []string{`"type":"rest-hook"`, `"modifierExtension":[{"url":"urn:x"}],"type":"rest-hook"`}, "Subscription.channel.modifierExtension"},
	{"a contact that is a text", []string{`"reason"`, `"contact":"me","reason"`}, "Subscription.contact"},
	{"a contact of ours", []string{`"reason"`, `"contact":[{"colour":"red"}],"reason"`}, "Subscription.contact"},
}

// TestR4WrongCreates: each answer is an OperationOutcome that names the element, says
// what is expected there, and repeats nobody's number and no secret.
func TestR4WrongCreates(t *testing.T) {
	t.Parallel()
	here := nodetest.Boot(t)
	leeds := r4Leeds(here)
	for _, wrong := range wrongCreates {
		body := r4Body(aHook, "id-only", wrong.replace...)
		if body == r4Body(aHook, "id-only") {
			t.Errorf("%s: nothing was replaced", wrong.name)
			continue
		}
		status, location, v := leeds.ask(t, "POST", "/Subscription", body)
		text, _ := json.Marshal(v)
		if status < 400 || status >= 500 || location != "" || v["resourceType"] != "OperationOutcome" {
			t.Errorf("%s: %d %s", wrong.name, status, text)
			continue
		}
		issue := v["issue"].([]any)[0].(map[string]any)
		expression, _ := issue["expression"].([]any)
		if wrong.expression != "" && (len(expression) != 1 || !strings.HasPrefix(expression[0].(string), wrong.expression)) {
			t.Errorf("%s: expected %s; received %s", wrong.name, wrong.expression, text)
		}
		if said, _ := issue["diagnostics"].(string); wrong.expression != "" && !(strings.Contains(said, "expected") && strings.Contains(said, "received")) {
			t.Errorf("%s: %s", wrong.name, said)
		}
		if strings.Contains(string(text), nodetest.Jack) || strings.Contains(string(text), "one-two-three") || strings.Contains(string(text), "secret@") {
			t.Errorf("%s: the answer repeats what it should not: %s", wrong.name, text)
		}
	}
	if _, _, v := leeds.ask(t, "GET", "/Subscription", ""); v["entry"] != nil {
		t.Errorf("made all the same: %v", v["entry"])
	}
	t.Logf("%d wrong creates", len(wrongCreates))
}

// TestR4Front: what is not a Subscription of the caller's gets an answer in R4's form.
func TestR4Front(t *testing.T) {
	t.Parallel()
	here := nodetest.Boot(t)
	for _, test := range []struct {
		method, path string
		change       func(*nodetest.Request)
		status       int
	}{
		{"GET", "/R4/metadata", nil, 200},
		{"HEAD", "/R4/metadata", nil, 200},
		{"OPTIONS", "/R4/Subscription", nil, 204},
		{"GET", "/R4/Basic", nil, 200},
		{"GET", "/R4/Basic?code=http://hl7.org/fhir/fhir-types|SubscriptionTopic", nil, 200},
		{"GET", "/R4/Basic?code=Patient", nil, 400},
		{"GET", "/R4/Basic/vaccinations-1", nil, 200},
		{"GET", "/R4/Basic/nothing-1", nil, 404},
		{"PATCH", "/R4/Subscription", nil, 405},
		{"GET", "/R4", nil, 404},
		{"GET", "/R4/", nil, 404},
		{"GET", "/R4/Patient", nil, 501},
		{"GET", "/R4/Subscription/../Basic", nil, 404},
		{"GET", "/R4/Subscription", nil, 400}, // no token
		{"GET", "/R4/metadata", func(r *nodetest.Request) { r.Header.Set("Accept", "application/fhir+xml") }, 406},
		{"GET", "/R4/metadata", func(r *nodetest.Request) { r.Header.Set("Accept", "text/html, */*;q=0.1") }, 200},
		{"GET", "/R4/metadata?_format=xml", nil, 406},
		{"GET", "/R4/metadata?_format=json", func(r *nodetest.Request) { r.Header.Set("Accept", "text/html") }, 200},
		{"POST", "/R4/Subscription", func(r *nodetest.Request) {
			r.Header.Set("Content-Type", "application/fhir+xml")
			r.Body = []byte("<Subscription/>")
		}, 415},
	} {
		r := &nodetest.Request{Method: test.method, Path: test.path, Header: http.Header{}}
		if test.change != nil {
			test.change(r)
		}
		a := here.Send(r)
		var v map[string]any
		if a.Status != test.status || len(a.Body) > 0 && json.Unmarshal(a.Body, &v) != nil || a.Status >= 400 && v["resourceType"] != "OperationOutcome" {
			t.Errorf("%s %s: expected %d; received %d %.200s", test.method, test.path, test.status, a.Status, a.Body)
		}
	}
	leeds := r4Leeds(here)
	stu3 := here.Subscribe(here.Leeds(), about(nodetest.Jack)+vaccinations, nodetest.LeedsBox)
	if status, _, v := leeds.ask(t, "GET", "/Subscription/"+stu3, ""); status != http.StatusNotFound {
		t.Errorf("one made at /STU3: %d %v", status, v)
	}
	if status, _, _ := leeds.ask(t, "POST", "/Subscription", strings.Repeat(" ", 70<<10)+"{}"); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body: %d", status)
	}
}
