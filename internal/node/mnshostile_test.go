package node_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"nems/internal/jwt"
	"nems/internal/mns"
	"nems/internal/node/nodetest"
)

// hostile is a request to the API of the MNS, and the words of its answer.
type hostile struct {
	method, path, media, body string
	status                    int
	answer                    string // a part of it
}

const aCloudEvent = "application/cloudevents+json"

// wrongEvents are refused with the MNS's words, or with words in its form.
func wrongEvents() map[string]hostile {
	good := cloudEvent("1", "example-event-1", "")
	without := func(from, to string) string { return strings.Replace(good, from, to, 1) }
	legacy := `{"id":"1","type":"pds-death-notification-1","subject":{"nhsNumber":"9912003888","familyName":"D","dob":"2017"},"source":{"name":"NHS","identifier":{"system":"s","value":"1"}},"time":"2022-04-05T17:31:00.000Z"}`
	all := map[string]hostile{}
	for name, row := range map[string]struct{ media, body, member, words string }{
		"data present":          {aCloudEvent, without(`"id"`, `"data":{"a":1},"id"`), "data", "Please remove this attribute: events have none of this name"},
		"an unknown attribute":  {aCloudEvent, without(`"id"`, `"comexampleextension":"x","id"`), "comexampleextension", "Please remove this attribute: events have none of this name"},
		"an unknown type":       {aCloudEvent, without("example-event-1", "no type"), "type", "Please provide a valid event type"},
		"a type of version 1":   {aCloudEvent, without("example-event-1", "pds-change-of-gp-1"), "type", "Please provide a valid event type"},
		"a bad time":            {aCloudEvent, without("2020-06-01T13:00:00Z", "yesterday"), "time", "Please provide a valid time"},
		"no time":               {aCloudEvent, without(`"time":"2020-06-01T13:00:00Z",`, ""), "time", "Please provide a valid time"},
		"no id":                 {aCloudEvent, without(`"id":"1",`, ""), "id", "Please provide a valid id"},
		"an empty id":           {aCloudEvent, without(`"id":"1"`, `"id":""`), "id", "Please provide a valid id"},
		"another specversion":   {aCloudEvent, without(`"1.0"`, `"0.3"`), "specversion", "Please provide a valid specversion"},
		"no source":             {aCloudEvent, without("uk.nhs.example-service", ""), "source", "Please provide a valid source"},
		"a source of controls":  {aCloudEvent, without("uk.nhs.example-service", `a\u0000b`), "source", "Please provide a valid source"},
		"a number as id":        {aCloudEvent, without(`"id":"1"`, `"id":1`), "id", "Please provide a valid id"},
		"a relative dataref":    {aCloudEvent, without(`"id"`, `"dataref":"/Patient/1","id"`), "dataref", "Please provide a valid dataref"},
		"an object to filter":   {aCloudEvent, without(`"filtering":{}`, `"filtering":{"a":{"b":1}}`), "filtering.a", "Please provide a text, a number, true or false, or a list of texts and numbers"},
		"a list of null":        {aCloudEvent, without(`"filtering":{}`, `"filtering":{"a":[null]}`), "filtering.a", "Please provide a text, a number, true or false, or a list of texts and numbers"},
		"filtering as a list":   {aCloudEvent, without(`"filtering":{}`, `"filtering":[]`), "filtering", "Please provide a valid filtering"},
		"version 2 as JSON":     {"application/json", good, "body", ""},
		"version 1, other type": {"application/json", strings.Replace(legacy, "pds-death-notification-1", "pds-death-notification-2", 1), "type", "Please provide a valid event type"},
		"version 1, no number":  {"application/json", strings.Replace(legacy, "9912003888", "9912003889", 1), "subject", "Please provide a valid subject"},
	} {
		answer := fmt.Sprintf(`{"validationErrors":{%q:%q}}`, row.member, row.words)
		if row.words == "" {
			answer = `{"validationErrors":{`
		}
		all[name] = hostile{http.MethodPost, "/events", row.media, row.body, http.StatusBadRequest, answer}
	}
	for name, body := range map[string]string{"not JSON": "<xml/>", "nothing": "", "null": "null", "a list": "[]", "twice the same": `{"id":"1","id":"2"}`} {
		all[name] = hostile{http.MethodPost, "/events", aCloudEvent, body, http.StatusBadRequest, `{"errors":"Please provide a valid JSON object"}`}
	}
	all["another media type"] = hostile{http.MethodPost, "/events", "text/plain", good, http.StatusUnsupportedMediaType, `{"errors":"Unsupported media type"}`}
	all["no media type"] = hostile{http.MethodPost, "/events", "", good, http.StatusUnsupportedMediaType, `{"errors":"Unsupported media type"}`}
	all["too long"] = hostile{http.MethodPost, "/events", aCloudEvent, strings.Repeat(" ", 300<<10), http.StatusRequestEntityTooLarge, `{"errors":"Request body too large"}`}
	return all
}

// wrongSubscriptions likewise.
func wrongSubscriptions() map[string]hostile {
	good := signalled("eventType=example-event-1", "mesh://MAILBOX1234?workflow_id=W", "application/json")
	all := map[string]hostile{}
	for name, row := range map[string]struct{ from, to, member, words string }{
		"another resource":       {`"Subscription"`, `"Patient"`, "resourceType", "Please provide the correct resource type for this endpoint"},
		"a status of the future": {`"requested"`, `"active"`, "status", "Please provide a valid status"},
		"no reason":              {`"reason":"",`, "", "reason", "Please provide a valid reason"},
		"criteria of the NEMS":   {"eventType=example-event-1", "/Bundle?type=message", "criteria", ""},
		"an unknown type":        {"example-event-1", "example", "criteria", ""},
		"another channel":        {`"message"`, `"rest-hook"`, "channel.type", "Please provide a valid channel type"},
		"another payload":        {"application/json", "text/plain", "channel.payload", "Please provide a valid channel payload"},
		"no workflow":            {"?workflow_id=W", "", "channel.endpoint", "Please provide a valid channel endpoint"},
		"another scheme":         {"mesh://MAILBOX1234?workflow_id=W", "file:///etc/passwd", "channel.endpoint", "Please provide a valid channel endpoint"},
		"no such mailbox":        {"MAILBOX1234", "NOBODY", "channel.endpoint", "Please provide a MESH mailbox, or a queue, that is registered for your organisation and application"},
		"no such queue":          {"mesh://MAILBOX1234?workflow_id=W", "arn:aws:sqs:eu-west-2:123456789012:nobody", "channel.endpoint", "Please provide a MESH mailbox, or a queue, that is registered for your organisation and application"},
		"an end in the past":     {`"reason"`, `"end":"2022-04-05T17:31:00.000Z","reason"`, "end", "Please provide an end in the future: subscriptions end at it"},
		"an end that is none":    {`"reason"`, `"end":"soon","reason"`, "end", "Please provide a valid end"},
		"hydration":              {`"reason"`, `"hydration":{"enabled":true},"reason"`, "hydration", "Hydrated signals are not offered: please leave hydration out"},
	} {
		answer := fmt.Sprintf(`{"validationErrors":{%q:%q}}`, row.member, row.words)
		if row.words == "" {
			answer = fmt.Sprintf(`{"validationErrors":{%q:"Please provide `, row.member)
		}
		all["subscription: "+name] = hostile{http.MethodPost, "/subscriptions", "application/fhir+json", strings.Replace(good, row.from, row.to, 1), http.StatusBadRequest, answer}
	}
	all["subscription: as XML"] = hostile{http.MethodPost, "/subscriptions", "application/fhir+xml", good, http.StatusUnsupportedMediaType, `{"errors":"Unsupported media type"}`}
	return all
}

// wrongPaths likewise.
func wrongPaths() map[string]hostile {
	badID, notFound := `{"errors":"Please provide a valid subscription ID in UUID4 format"}`, `{"errors":"Not found"}`
	short, some := url.QueryEscape(base64.StdEncoding.EncodeToString([]byte("short"))), "e9050741-ae87-4720-beb1-2abd9248e227"
	return map[string]hostile{
		"no UUID":                     {http.MethodGet, "/subscriptions/1", "", "", http.StatusBadRequest, badID},
		"a UUID of version 7":         {http.MethodDelete, "/subscriptions/01926f3c-7b1a-7c3e-8f2d-1a2b3c4d5e6f", "", "", http.StatusBadRequest, badID},
		"a UUID in braces":            {http.MethodGet, "/subscriptions/%7B" + some + "%7D", "", "", http.StatusBadRequest, badID},
		"nobody's":                    {http.MethodGet, "/subscriptions/" + some, "", "", http.StatusNotFound, notFound},
		"nobody's, changed":           {http.MethodPut, "/subscriptions/" + some, "application/fhir+json", "{}", http.StatusNotFound, notFound},
		"nobody's, deleted":           {http.MethodDelete, "/subscriptions/" + some, "", "", http.StatusNotFound, notFound},
		"bad continue_from":           {http.MethodGet, "/subscriptions?continue_from=nothing!", "", "", http.StatusBadRequest, `{"errors":"The continue_from field was not valid"}`},
		"short continue_from":         {http.MethodGet, "/subscriptions?continue_from=" + short, "", "", http.StatusBadRequest, `{"errors":"The continue_from field was not valid"}`},
		"another path":                {http.MethodGet, "/nothing", "", "", http.StatusNotFound, notFound},
		"another method":              {http.MethodGet, "/events", "", "", http.StatusMethodNotAllowed, `{"errors":"Method not allowed"}`},
		"another method for the list": {http.MethodDelete, "/subscriptions", "", "", http.StatusMethodNotAllowed, `{"errors":"Method not allowed"}`},
		"a long path":                 {http.MethodGet, "/subscriptions/" + strings.Repeat("a", 4000), "", "", http.StatusBadRequest, badID},
	}
}

// TestMNSRefusals: whatever comes in, the answer has the words and the form of the
// MNS.
func TestMNSRefusals(t *testing.T) {
	here := nodetest.Boot(t)
	for _, rows := range []map[string]hostile{wrongEvents(), wrongSubscriptions(), wrongPaths()} {
		for name, h := range rows {
			status, answer := askMNS(t, here, h.method, h.path, h.media, h.body)
			if status != h.status || !strings.HasPrefix(answer, h.answer) {
				t.Errorf("%s: %d %s\nwant %d %s", name, status, answer, h.status, h.answer)
			}
		}
	}
	for _, path := range []string{"/_ping", "/_status", "/health"} {
		if status, answer := askMNS(t, here, http.MethodGet, path, "", ""); status != http.StatusOK || !strings.Contains(answer, `"version":`) {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	id := subscribeMNS(t, here, "eventType=example-event-1", "mesh://MAILBOX1234?workflow_id=W", "application/json")
	publishMNS(t, here, cloudEvent("1", "example-event-1", `"a":null,"b":17,"c":true,"d":["x",1]`))
	if status, answer := askMNS(t, here, http.MethodPost, "/events", aCloudEvent, cloudEvent("1", "example-event-1", `"a":"another"`)); status != 422 || !strings.Contains(answer, "errors") {
		t.Errorf("another event under the same id: %d %s", status, answer)
	}
	othersMNS(t, here, id)
}

// othersMNS are callers who may do less, as their tokens say.
func othersMNS(t *testing.T, here *nodetest.Server, id string) {
	t.Helper()
	for name, row := range map[string]struct {
		asid, ods, method, path, media, body string
		status                               int
		answer                               string
	}{
		"another organisation reads":   {nodetest.NationalID, "X26", http.MethodGet, "/subscriptions/" + id, "", "", http.StatusNotFound, "Not found"},
		"another organisation deletes": {nodetest.NationalID, "X26", http.MethodDelete, "/subscriptions/" + id, "", "", http.StatusNotFound, "Not found"},
		"another organisation lists":   {nodetest.NationalID, "X26", http.MethodGet, "/subscriptions", "", "", http.StatusOK, `"entry":[]`},
		"a subscriber publishes":       {nodetest.NationalID, "X26", http.MethodPost, "/events", aCloudEvent, cloudEvent("2", "example-event-1", ""), http.StatusForbidden, "User is not authorized to handle the requested event type"},
		"a publisher publishes PDS's":  {nodetest.PublisherID, "A83627", http.MethodPost, "/events", aCloudEvent, cloudEvent("2", "pds-change-of-gp-2", ""), http.StatusForbidden, "User is not authorized to handle the requested event type"},
		"a publisher subscribes":       {nodetest.PublisherID, "A83627", http.MethodPost, "/subscriptions", "", signalled("eventType=example-event-1", "mesh://MAILBOX1234?workflow_id=W", "application/json"), http.StatusForbidden, "User is not authorized to handle the requested event type"},
		"another's mailbox":            {nodetest.NationalID, "X26", http.MethodPost, "/subscriptions", "", signalled("eventType=example-event-1", "mesh://MAILBOX1234?workflow_id=W", "application/json"), http.StatusBadRequest, "registered for your organisation"},
		"an organisation of others":    {nodetest.NationalID, "RR8", http.MethodGet, "/subscriptions", "", "", http.StatusUnauthorized, "InvalidAccessToken"},
		"a publisher publishes":        {nodetest.PublisherID, "A83627", http.MethodPost, "/events", aCloudEvent, cloudEvent("2", "example-event-1", ""), http.StatusOK, `{"id":"2"}`},
		"nobody who is registered":     {"999999999999", "X26", http.MethodGet, "/subscriptions", "", "", http.StatusUnauthorized, `{"fault":{"faultstring":"Invalid access token","detail":{"errorcode":"oauth.v2.InvalidAccessToken"}}}`},
	} {
		r, err := http.NewRequestWithContext(t.Context(), row.method, here.URL+mns.Base+row.path, strings.NewReader(row.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", row.media)
		r.Header.Set("Authorization", "Bearer "+here.Token(row.asid, row.ods, jwt.ScopeRead).Unsigned())
		response, err := here.HTTP.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 4096)
		n, _ := response.Body.Read(answer)
		response.Body.Close()
		if response.StatusCode != row.status || !strings.Contains(string(answer[:n]), row.answer) {
			t.Errorf("%s: %d %s", name, response.StatusCode, answer[:n])
		}
	}
}
