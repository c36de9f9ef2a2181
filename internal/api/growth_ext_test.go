package api_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"nems/internal/access"
	"nems/internal/catalogue/example"
	"nems/internal/fhir"
)

// TestWorkGrowsWithTheRequest: whatever part of a request is repeated, twice as
// many cause at most twice as many steps and allocations, from the first byte
// to the answer.
func TestWorkGrowsWithTheRequest(t *testing.T) {
	fx := newFixture(t)
	message, err := example.Message("vaccinations-1", "new", example.Patient{})
	must(t, err)
	publish := func(place, unit string) func(int) *http.Request {
		return func(n int) *http.Request {
			return fx.request(publisher, "POST", "/STU3/Events/1/$process-message", access.PublishInteraction("Vaccinations"),
				strings.Replace(string(message), place, strings.Repeat(unit, n)+place, 1))
		}
	}
	made := 0
	subscribe := func(place, unit string) func(int) *http.Request {
		return func(n int) *http.Request {
			made++
			whole := resource(leeds, "MAILBOX1234", about(number(made), vaccine))
			return fx.request(leeds, "POST", "/STU3/Subscription", access.CreateInteraction, strings.Replace(whole, place, strings.Repeat(unit, n)+place, 1))
		}
	}
	batch := func(entry string) func(int) *http.Request {
		return func(n int) *http.Request {
			return fx.request(leeds, "POST", "/STU3", access.CreateInteraction,
				`<Bundle xmlns="http://hl7.org/fhir"><type value="batch"/>`+strings.Repeat(entry, n)+`</Bundle>`)
		}
	}
	search := func(unit string) func(int) *http.Request {
		return func(n int) *http.Request {
			r := fx.request(leeds, "POST", "/STU3/Subscription/_search", access.ReadInteraction, "mailbox=A"+strings.Repeat(unit, n))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			return r
		}
	}
	header := func(name, first, unit string) func(int) *http.Request {
		return func(n int) *http.Request {
			r := fx.request(leeds, "GET", "/STU3/Subscription", access.ReadInteraction, "")
			r.Header.Set(name, first+strings.Repeat(unit, n/10)) // a head has 16 KiB
			return r
		}
	}
	for name, test := range map[string]struct {
		status  int
		request func(n int) *http.Request
	}{
		"entries of a message":       {422, publish("</Bundle>", `<entry><fullUrl value="urn:uuid:a"/><resource><Basic><code><text value="a"/></code></Basic></resource></entry>`)},
		"addresses of its patient":   {202, publish("</Patient>", `<address><use value="old"/><postalCode value="LS1 1AA"/></address>`)},
		"unknown elements":           {422, publish("</Bundle>", "<a/>")},
		"comments":                   {202, publish("</Bundle>", "<!-- -->")},
		"contacts":                   {422, subscribe("<reason", `<contact><system value="url"/></contact>`)},
		"events of criteria":         {400, subscribe(`"/><channel`, "&amp;MessageHeader.event=vaccinations-1")},
		"parameters of criteria":     {400, subscribe(`"/><channel`, "&amp;a=b")},
		"extensions":                 {201, subscribe("<status", `<extension url="http://a"><valueString value="b"/></extension>`)},
		"channel headers":            {201, subscribe("</channel>", `<header value="a: b"/>`)},
		"tags":                       {201, subscribe("</Subscription>", `<tag><code value="a"/></tag>`)},
		"entries without a request":  {200, batch(`<entry/>`)},
		"entries that delete":        {200, batch(`<entry><request><method value="DELETE"/><url value="Subscription/a"/></request></entry>`)},
		"entries that make nothing":  {200, batch(`<entry><resource><Basic/></resource><request><method value="POST"/><url value="Subscription"/></request></entry>`)},
		"values of a parameter":      {400, search(",A")},
		"parameters":                 {400, search("&a=b")},
		"a parameter again":          {400, search("&mailbox=A")},
		"escapes":                    {400, search("%2C")},
		"broken escapes":             {400, search("%")},
		"ranges of Accept":           {200, header("Accept", "application/fhir+xml", ", a/b;q=0.1")},
		"parameters of Accept":       {200, header("Accept", "application/fhir+xml", "; a=b")},
		"parts of a token":           {400, header("Authorization", "Bearer a", ".a")},
		"a long token":               {400, header("Authorization", "Bearer ", "ey")},
		"preferences":                {200, header("Prefer", "return=minimal", ", a=b")},
		"words of an interaction id": {400, header("InteractionID", "urn", ":nhs")},
	} {
		const few = 500
		t.Run(name, func(t *testing.T) {
			length := 0
			work := func(n int) int64 {
				r := test.request(n)
				length = int(r.ContentLength)
				var answer *httptest.ResponseRecorder
				taken := steps(func() { answer = fx.send(r) })
				if n > few && answer.Code != test.status {
					t.Fatalf("%d of it: expected %d; received %d %s", n, test.status, answer.Code, answer.Body)
				}
				return taken
			}
			work(1) // pays for what is computed only once
			least, once, twice := work(1), work(few), work(2*few)
			if twice > 2*once+least+few || twice > 20*int64(length)+100_000 { // each finding costs something, up to the cap
				t.Errorf("1: %d, %d: %d, %d: %d steps, for %d bytes", least, few, once, 2*few, twice, length)
			}
		})
	}
}

// steps counts what f does: elements visited, bytes looked at, allocations.
func steps(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	count := fhir.CountWork(f)
	runtime.ReadMemStats(&after)
	return count + int64(after.Mallocs-before.Mallocs) //nolint:gosec // of one request
}
