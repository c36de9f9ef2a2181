package api_test

import (
	"context"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"nems/internal/access"
	"nems/internal/api"
	"nems/internal/fhir"
	"nems/internal/nhs"
	"nems/internal/spine"
	"nems/internal/store"
)

const (
	jack    = "9912003888"
	other   = "9434765919"
	vaccine = "vaccinations-1"
	gp      = "pds-change-of-gp-1"
)

func (fx *fixture) search(s system, query string) *httptest.ResponseRecorder {
	return fx.send(fx.request(s, "GET", "/STU3/Subscription"+query, access.ReadInteraction, ""))
}

// ids lists the subscriptions of a page.
func ids(page fhir.Node) []string {
	var out []string
	for entry := range page.ChildrenNamed("entry") {
		out = append(out, entry.Child("resource").Resource().Child("id").Value())
	}
	return out
}

func TestSearch(t *testing.T) {
	fx := newFixture(t)
	made := []string{
		fx.subscribe(leeds, "MAILBOX1234", about(jack, vaccine)),
		fx.subscribe(leeds, "MAILBOX1234", about(other, vaccine, gp)),
		fx.subscribe(leeds, "MAILBOX1234", "/Bundle?type=message&MessageHeader.event="+gp+"&subscriptionRuleType=GP_GP_GP&Organization.identifier=B86056"),
	}
	foreign := fx.subscribe(national, "X26ABC1", about(jack, vaccine))
	identifier := url.QueryEscape("https://fhir.nhs.uk/Id/nhs-number|" + jack)
	for query, want := range map[string][]string{
		"":                       made,
		"?patient=" + identifier: made[:1],
		"?Patient.identifier=" + url.QueryEscape("http://fhir.nhs.net/Id/nhs-number | "+jack): made[:1],
		"?event=" + gp: made[1:],
		"?MessageHeader.event=" + gp + "&_count=1":         made[1:2],
		"?mailbox=mailbox1234":                             made,
		"?mailbox=X26ABC1":                                 nil,
		"?status=active&event=" + vaccine:                  made[:2],
		"?status=off":                                      nil,
		"?patient=" + identifier + "&event=" + gp:          nil,
		"?_count=100000000000000000000000000":              made,
		"?status=active&mailbox=MAILBOX1234&event=nothing": nil,
	} {
		answer := fx.search(leeds, query)
		if answer.Code != 200 {
			t.Errorf("%s: %d %s", query, answer.Code, answer.Body)
			continue
		}
		page := parse(t, answer)
		if got := ids(page); !slices.Equal(got, want) {
			t.Errorf("%s: expected %v; received %v", query, want, got)
		}
		if !page.Child("type").EqualValue("searchset") || page.Child("link").Child("relation").Value() != "self" {
			t.Errorf("%s: not a searchset with a link to itself: %s", query, answer.Body)
		}
	}
	if got := ids(parse(t, fx.search(national, ""))); !slices.Equal(got, []string{foreign}) {
		t.Errorf("national: expected %v; received %v", foreign, got)
	}
	fx.silent()
}

func TestSearchInPages(t *testing.T) {
	fx := newFixture(t)
	var made []string
	for n := range 7 {
		made = append(made, fx.subscribe(leeds, "MAILBOX1234", about(number(n), vaccine)))
	}
	var seen []string
	query := "?status=active&event=" + vaccine + "&_count=3"
	for pages := 0; query != ""; pages++ {
		if pages == 3 {
			t.Fatal("more than three pages")
		}
		page := parse(t, fx.search(leeds, query))
		seen = append(seen, ids(page)...)
		self := page.Child("link").Child("url").Value()
		if again := parse(t, fx.search(leeds, strings.TrimPrefix(self, "http://nems.test/STU3/Subscription"))); !slices.Equal(ids(again), ids(page)) {
			t.Error("the link to itself leads to another page")
		}
		query = ""
		for link := range page.ChildrenNamed("link") {
			if link.Child("relation").EqualValue("next") {
				query = strings.TrimPrefix(link.Child("url").Value(), "http://nems.test/STU3/Subscription")
			}
		}
	}
	if !slices.Equal(seen, made) {
		t.Errorf("expected %v; received %v", made, seen)
	}
}

// TestSearchKeepsPatientsOutOfLinks: a client's proxies may log the links that it follows.
func TestSearchKeepsPatientsOutOfLinks(t *testing.T) {
	fx := newFixture(t)
	fx.subscribe(leeds, "MAILBOX1234", about(jack, vaccine))
	fx.subscribe(leeds, "MAILBOX1234", about(jack, gp))
	form := fx.request(leeds, "POST", "/STU3/Subscription/_search", access.ReadInteraction, "_count=1&patient="+url.QueryEscape("https://fhir.nhs.uk/Id/nhs-number|"+jack))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	page := parse(t, fx.send(form))
	if page.Count("link") != 2 || page.Count("entry") != 1 {
		t.Fatalf("expected one entry and two links; received %d and %d", page.Count("entry"), page.Count("link"))
	}
	for link := range page.ChildrenNamed("link") {
		address := link.Child("url").Value()
		if strings.Contains(address, jack) {
			t.Errorf("the link %s names the patient", link.Child("relation").Value())
		}
		query := strings.TrimPrefix(address, "http://nems.test/STU3/Subscription")
		refused(t, fx.search(national, query), 400, "BAD_REQUEST") // of another system
		refused(t, fx.search(leeds, query[:len(query)-2]), 400, "BAD_REQUEST")
		refused(t, fx.search(leeds, query+"&status=active"), 400, "BAD_REQUEST")
	}
	if len(fx.entries) == 0 || fx.entries[0].Action != "search" || fx.entries[0].Patient.Digits() != jack {
		t.Errorf("the audit does not say whom the search was about: %v", fx.entries)
	}
	fx.silent()
}

func TestSearchRefuses(t *testing.T) {
	fx := newFixture(t)
	for query, code := range map[string]string{
		"?foo=1":                  "BAD_REQUEST",
		"?9912003888":             "BAD_REQUEST",
		"?status:not=active":      "BAD_REQUEST",
		"?status=gone":            "BAD_REQUEST",
		"?status=active&status=x": "BAD_REQUEST",
		"?event=a%20b":            "BAD_REQUEST",
		"?event=":                 "BAD_REQUEST",
		"?mailbox=%00":            "BAD_REQUEST",
		"?event=a,,b":             "BAD_REQUEST",
		"?event=a%5C,b":           "BAD_REQUEST", // an escaped comma is part of the value, and no code contains one
		"?event=" + strings.Repeat("a,", 50) + "a": "BAD_REQUEST",
		"?status=active,gone":                      "BAD_REQUEST",
		"?_pretty=yes":                             "BAD_REQUEST",
		"?_summary=some":                           "BAD_REQUEST",
		"?_pretty=true&_pretty=true":               "BAD_REQUEST",
		"?_elements=status":                        "BAD_REQUEST",
		"?patient=https://fhir.nhs.uk/Id/nhs-number%5C|" + jack: "BAD_REQUEST", // an escaped bar does not separate system and number
		"?_count=-1":   "BAD_REQUEST",
		"?_count=many": "BAD_REQUEST",
		"?after=00000000000000000000000000000000": "BAD_REQUEST",
		"?_cursor=abc":       "BAD_REQUEST",
		"?status=active;a=b": "BAD_REQUEST",
		"?event=%zz":         "BAD_REQUEST",
		"?patient=" + jack:   "BAD_REQUEST",
		"?patient=urn:oid:2.16.840.1.113883.2.1.4.1|" + jack:    "BAD_REQUEST",
		"?patient=https://fhir.nhs.uk/Id/nhs-number|9912003889": "INVALID_NHS_NUMBER",
		"?patient=https://fhir.nhs.uk/Id/nhs-number|12":         "INVALID_NHS_NUMBER",
		"?event=a&MessageHeader.event=b":                        "BAD_REQUEST",
	} {
		text := refused(t, fx.search(leeds, query), 400, code)
		if strings.Contains(text, "99120038") {
			t.Errorf("%s: the diagnostics hold the number: %s", query, text)
		}
	}
	refused(t, fx.send(fx.request(leeds, "GET", "/STU3/Subscription", access.CreateInteraction, "")), 400, "MISSING_OR_INVALID_HEADER")
	refused(t, fx.send(fx.request(leeds, "POST", "/STU3/Subscription/_search", access.ReadInteraction, "")), 415, "UNSUPPORTED_MEDIA_TYPE")
	fx.silent()
}

// TestSearchOfAllOrganisations: if the token names no organisation (profile
// observed), a page has the subscriptions of all organisations in the
// registration.
func TestSearchOfAllOrganisations(t *testing.T) {
	fx := newFixture(t, func(c *api.Config) { c.Door.Profile = spine.Observed })
	made := []string{
		fx.subscribe(leeds, "MAILBOX1234", about(jack, vaccine)),
		fx.subscribe(national, "X26ABC1", about(jack, vaccine)),
		fx.subscribe(leeds, "MAILBOX1234", about(other, vaccine)),
	}
	both, _, err := fx.World.System(t.Context(), leeds.asid)
	must(t, err)
	both.ODSCodes = []nhs.ODSCode{"RR8", "X26"}
	fx.only(both.System)
	nobody := system{asid: leeds.asid}
	first := parse(t, fx.search(nobody, "?_count=2"))
	if got := ids(first); !slices.Equal(got, made[:2]) || first.Count("link") != 2 {
		t.Errorf("the first page: expected %v; received %v", made[:2], got)
	}
	if got := ids(parse(t, fx.search(leeds, ""))); !slices.Equal(got, []string{made[0], made[2]}) {
		t.Errorf("with an organisation claim: received %v", got)
	}
}

// With several values separated by commas, any of them may match. A search for
// several patients looks at each of them.
func TestSearchForEither(t *testing.T) {
	fx := newFixture(t)
	made := []string{
		fx.subscribe(leeds, "MAILBOX1234", about(jack, vaccine)),
		fx.subscribe(leeds, "MAILBOX1234", about(other, gp)),
		fx.subscribe(leeds, "MAILBOX1234", about(number(1), "newborn-hearing-1")),
	}
	either := func(numbers ...string) string {
		for i := range numbers {
			numbers[i] = "https://fhir.nhs.uk/Id/nhs-number|" + numbers[i]
		}
		return url.QueryEscape(strings.Join(numbers, ","))
	}
	for query, want := range map[string][]string{
		"?event=" + vaccine + "," + gp:                          made[:2],
		"?MessageHeader.event=" + gp + "%2Cnewborn-hearing-1":   made[1:],
		"?patient=" + either(other, jack):                       made[:2],
		"?patient=" + either(other, jack) + "&event=" + vaccine: made[:1],
		"?status=active,requested":                              made,
		"?status=off,requested":                                 nil,
		"?mailbox=NONE,mailbox1234&event=nothing," + vaccine:    made[:1],
		"?patient=" + either(jack, jack):                        made[:1],
		"?patient=" + either(number(1), other) + "&_count=1":    made[1:2],
	} {
		if got := ids(parse(t, fx.search(leeds, query))); !slices.Equal(got, want) {
			t.Errorf("%s: expected %v; received %v", query, want, got)
		}
	}
	fx.entries = nil
	fx.search(leeds, "?patient="+either(other, jack))
	if len(fx.entries) != 2 || fx.entries[0].Patient.Digits() != other || fx.entries[1].Patient.Digits() != jack {
		t.Errorf("the audit does not say that both patients were looked for: %d entries", len(fx.entries))
	}
}

// TestSearchCounts: the total of all pages, without entries, for the caller's own subscriptions.
func TestSearchCounts(t *testing.T) {
	fx := newFixture(t)
	for n := range 3 {
		fx.subscribe(leeds, "MAILBOX1234", about(number(n), vaccine))
	}
	fx.subscribe(leeds, "MAILBOX1234", about(jack, gp))
	fx.subscribe(national, "X26ABC1", about(jack, gp))
	next := parse(t, fx.search(leeds, "?_count=1&event="+vaccine)).Child("link").Child("url").Value()
	for query, want := range map[string]string{
		"?_summary=count":                       "4",
		"?_count=0":                             "4",
		"?_count=0&_summary=true":               "4",
		"?_count=1&_summary=count&event=" + gp:  "1",
		"?_count=0&event=" + vaccine + "," + gp: "4",
		"?_count=0&status=off":                  "0",
		"?_count=0&patient=" + url.QueryEscape("https://fhir.nhs.uk/Id/nhs-number|"+jack):  "1",
		strings.TrimPrefix(next, "http://nems.test/STU3/Subscription") + "&_summary=count": "3",
	} {
		answer := fx.search(leeds, query)
		page := parse(t, answer)
		if answer.Code != 200 || page.Child("total").Value() != want || page.Count("entry") != 0 || page.Count("link") != 1 {
			t.Errorf("%s: expected a total of %s alone; received %d %s", query, want, answer.Code, answer.Body)
		}
		self := strings.TrimPrefix(page.Child("link").Child("url").Value(), "http://nems.test/STU3/Subscription")
		if again := parse(t, fx.search(leeds, self)); again.Child("total").Value() != want {
			t.Errorf("%s: the link to itself answers %s", query, again.Child("total").Value())
		}
	}
	if page := parse(t, fx.search(leeds, "")); page.Child("total").Exists() {
		t.Error("a page has a total")
	}
}

// many is a broker whose organisations have more subscriptions than are counted.
type many struct{ api.Broker }

func (many) Count(context.Context, access.Caller, store.SubscriptionQuery) (store.Count, error) {
	return store.Count{N: 7, AtLeast: true}, nil
}

func TestSearchCountsInPart(t *testing.T) {
	fx := newFixture(t, func(c *api.Config) { c.Broker = many{c.Broker} })
	page := parse(t, fx.search(leeds, "?_summary=count"))
	outcome := page.At("entry", "resource").Resource()
	if page.Child("total").Value() != "7" || page.Count("entry") != 1 || !page.At("entry", "search", "mode").EqualValue("outcome") ||
		!outcome.At("issue", "severity").EqualValue("warning") || !strings.Contains(outcome.At("issue", "diagnostics").Value(), "first 50000 subscriptions") {
		t.Error("nobody is told that it was not all counted")
	}
}
