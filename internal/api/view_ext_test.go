package api_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"nems/internal/access"
	"nems/internal/fhir"
	"nems/internal/jwt"
)

// reads are all the requests that read something: each as it is sent with a
// query, and what it answers with.
func (fx *fixture) reads(id string) map[string]func(query string) *httptest.ResponseRecorder {
	return map[string]func(query string) *httptest.ResponseRecorder{
		"read": func(query string) *httptest.ResponseRecorder {
			return fx.send(fx.request(leeds, "GET", "/STU3/Subscription/"+id+"?"+query, access.ReadInteraction, ""))
		},
		"search": func(query string) *httptest.ResponseRecorder { return fx.search(leeds, "?"+query) },
		"search by a form": func(query string) *httptest.ResponseRecorder {
			r := fx.request(leeds, "POST", "/STU3/Subscription/_search", access.ReadInteraction, query)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			return fx.send(r)
		},
		"search by a form, the view in the URL": func(query string) *httptest.ResponseRecorder {
			r := fx.request(leeds, "POST", "/STU3/Subscription/_search?"+query, access.ReadInteraction, "status=active")
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			return fx.send(r)
		},
		"metadata": func(query string) *httptest.ResponseRecorder {
			return fx.send(httptest.NewRequest("GET", "/STU3/metadata?"+query, nil))
		},
		"metadata by OPTIONS": func(query string) *httptest.ResponseRecorder {
			return fx.send(httptest.NewRequest("OPTIONS", "/STU3/?"+query, nil))
		},
	}
}

// TestFormat: every form of _format that STU3 names takes precedence over the
// Accept header, in answers and refusals.
func TestFormat(t *testing.T) {
	fx := newFixture(t)
	id := fx.subscribe(leeds, "MAILBOX1234", about(jack, vaccine))
	const xml, json = "application/fhir+xml;charset=utf-8", "application/fhir+json;charset=utf-8"
	for name, send := range fx.reads(id) {
		for format, want := range map[string]string{
			"xml": xml, "text/xml": xml, "application/xml": xml, "application/fhir+xml": "application/fhir+xml", "application/xml+fhir": "application/xml+fhir",
			"json": json, "application/json": json, "application/fhir+json": "application/fhir+json", "JSON": json,
			"application/fhir+json;charset=utf-8": json,
		} {
			answer := send("_format=" + url.QueryEscape(format))
			if answer.Code != 200 || answer.Header().Get("Content-Type") != want {
				t.Errorf("%s: %s: %d %s", name, format, answer.Code, answer.Header().Get("Content-Type"))
			}
			parse(t, answer)
		}
		if answer := send("_format=application/fhir+json"); answer.Header().Get("Content-Type") != "application/fhir+json" {
			t.Errorf("%s: a plus that was not encoded: %s", name, answer.Header().Get("Content-Type"))
		}
		for _, wrong := range []string{"ttl", "text/turtle", "html", "text/html", "application/fhir+ld", "application/fhir+xml;charset=latin1"} {
			refused(t, send("_format="+url.QueryEscape(wrong)), 415, "UNSUPPORTED_MEDIA_TYPE")
		}
		refused(t, send("_format=json&_format=xml"), 400, "BAD_REQUEST")
	}
	for _, c := range []struct {
		method, path string
		status       int
		code         string
	}{
		{"GET", "/STU3/Subscription/" + zeros, 404, "NO_RECORD_FOUND"},
		{"GET", "/STU3/Patient/1", 501, "NOT_IMPLEMENTED"},
		{"PUT", "/STU3/Subscription/" + zeros, 405, "BAD_REQUEST"},
		{"GET", "/nowhere", 404, "NO_RECORD_FOUND"},
	} {
		answer := fx.send(fx.request(leeds, c.method, c.path+"?_format=json", access.ReadInteraction, ""))
		refused(t, answer, c.status, c.code)
		if answer.Header().Get("Content-Type") != json {
			t.Errorf("%s %s: the refusal is %s", c.method, c.path, answer.Header().Get("Content-Type"))
		}
	}
	r := fx.request(leeds, "GET", "/STU3/Subscription/"+id+"?_format=json", access.ReadInteraction, "")
	r.Header.Set("Accept", "text/html")
	if answer := fx.send(r); answer.Code != 200 {
		t.Errorf("_format does not win over an Accept header that is wrong: %d", answer.Code)
	}
	publish := fx.request(publisher, "POST", "/STU3/Events/1/$process-message?_format=json", access.PublishInteraction("Vaccinations"), "")
	refused(t, fx.send(publish), 415, "UNSUPPORTED_MEDIA_TYPE")
}

// TestPretty: the same resource, on several lines.
func TestPretty(t *testing.T) {
	fx := newFixture(t)
	created := fx.send(fx.request(leeds, "POST", "/STU3/Subscription", access.CreateInteraction,
		strings.Replace(resource(leeds, "MAILBOX1234", about(jack, vaccine)), "A test", "1 &lt; 2 &gt; 0/&gt;", 1)))
	id := created.Header().Get("Location")[len("http://nems.test/STU3/Subscription/"):]
	for name, send := range fx.reads(id) {
		for _, format := range []string{"xml", "json"} {
			plain, pretty := send("_pretty=false&_format="+format), send("_pretty=true&_format="+format)
			if strings.Contains(plain.Body.String(), "\n") || strings.Count(pretty.Body.String(), "\n") < 10 {
				t.Errorf("%s: %s: not as was asked for: %s", name, format, pretty.Body)
			}
			if strings.Contains(name, "search") {
				continue // every page has an id and a cursor of its own
			}
			if got, want := canonical(parse(t, pretty)), canonical(parse(t, plain)); got != want {
				t.Errorf("%s: %s: another resource: %s instead of %s", name, format, got, want)
			}
		}
	}
	refusal := fx.send(fx.request(leeds, "GET", "/STU3/Patient/1?_pretty=true", access.ReadInteraction, ""))
	if refused(t, refusal, 501, "NOT_IMPLEMENTED"); !strings.Contains(refusal.Body.String(), "\n  <issue>") {
		t.Errorf("a refusal is not pretty: %s", refusal.Body)
	}
}

// canonical writes a resource without the text between its tags.
func canonical(n fhir.Node) string {
	var b strings.Builder
	b.WriteString("(" + n.Name() + "=" + n.Value())
	for child := range n.Children() {
		b.WriteString(canonical(child))
	}
	return b.String() + ")"
}

// TestSummary: which elements a summary has, and that the resource says that it
// is not complete.
func TestSummary(t *testing.T) {
	fx := newFixture(t)
	id := fx.subscribe(leeds, "MAILBOX1234", about(jack, vaccine))
	elements := map[string]map[string]string{
		"Subscription": {
			"true": "id meta status contact reason criteria channel", "text": "id meta status reason criteria channel",
			"data": "id meta status contact reason criteria channel", "false": "id meta status contact reason criteria channel",
		},
		"CapabilityStatement": {
			"true":  "id meta name title status date kind software implementation fhirVersion acceptUnknown format format format format rest",
			"text":  "id meta status date kind software fhirVersion acceptUnknown format format format format rest",
			"data":  "id meta name title status date kind software implementation fhirVersion acceptUnknown format format format format rest",
			"false": "id name title status date kind software implementation fhirVersion acceptUnknown format format format format rest",
		},
	}
	for name, send := range fx.reads(id) {
		for _, format := range []string{"xml", "json"} {
			for _, summary := range []string{"true", "text", "data", "false"} {
				root := parse(t, send("_summary="+summary+"&_format="+format))
				if root.Name() == "Bundle" {
					if root.Child("link").Child("url").Value() == "" || strings.Contains(root.Child("link").Child("url").Value(), "_summary="+summary) != (summary != "false") {
						t.Errorf("%s: the link to itself: %s", name, root.Child("link").Child("url").Value())
					}
					root = root.At("entry", "resource").Resource()
				}
				var have []string
				for child := range root.Children() {
					have = append(have, child.Name())
				}
				if got, want := strings.Join(have, " "), elements[root.Name()][summary]; got != want {
					t.Errorf("%s: %s: expected %s; received %s", name, summary, want, got)
				}
				tag := root.At("meta", "tag")
				subsetted := tag.Child("system").EqualValue("http://hl7.org/fhir/v3/ObservationValue") && tag.Child("code").EqualValue("SUBSETTED")
				if subsetted != (summary != "false") {
					t.Errorf("%s: %s: marked as a subset: %t", name, summary, subsetted)
				}
			}
		}
		answer := send("_summary=count")
		if strings.Contains(name, "search") {
			if total := parse(t, answer).Child("total").Value(); total != "1" {
				t.Errorf("%s: a total of %s", name, total)
			}
			continue
		}
		refused(t, answer, 400, "BAD_REQUEST")
	}
	full := parse(t, fx.send(httptest.NewRequest("GET", "/STU3/metadata", nil))).Child("rest")
	short := parse(t, fx.send(httptest.NewRequest("GET", "/STU3/metadata?_summary=true", nil))).Child("rest")
	if !full.Child("documentation").Exists() || short.Child("documentation").Exists() || short.At("resource", "searchParam").Exists() || !short.At("resource", "type").EqualValue("Subscription") {
		t.Error("the summary of the CapabilityStatement has what STU3 does not mark, or lacks what it does")
	}
}

// TestContactsAreKept: the first contact that is an organisation owns the
// subscription, and the others are returned as they were sent, in either
// format.
func TestContactsAreKept(t *testing.T) {
	fx := newFixture(t)
	mail := `<contact><system value="email"/><value value="events@example.org"/><rank value="2"/></contact>`
	sent := strings.Replace(resource(leeds, "MAILBOX1234", about(jack, vaccine)), "<contact>", mail+"<contact>", 1)
	sent = strings.Replace(sent, "<reason", `<contact><system value="phone"/><value value="0113 496 0000"/></contact><reason`, 1)
	created := fx.send(fx.request(leeds, "POST", "/STU3/Subscription", access.CreateInteraction, sent))
	if created.Code != 201 {
		t.Fatalf("%d %s", created.Code, created.Body)
	}
	id := created.Header().Get("Location")[len("http://nems.test/STU3/Subscription/"):]
	for _, format := range []string{"xml", "json"} {
		var got []string
		for contact := range parse(t, fx.send(fx.request(leeds, "GET", "/STU3/Subscription/"+id+"?_format="+format, access.ReadInteraction, ""))).ChildrenNamed("contact") {
			got = append(got, contact.Child("system").Value()+" "+contact.Child("value").Value()+" "+contact.Child("rank").Value())
		}
		want := "email events@example.org 2|url https://directory.spineservices.nhs.uk/STU3/Organization/RR8 |phone 0113 496 0000 "
		if strings.Join(got, "|") != want {
			t.Errorf("%s: received %q", format, got)
		}
	}
	none := strings.Replace(resource(leeds, "MAILBOX1234", about(jack, gp)), `<system value="url"/>`, `<system value="email"/>`, 1)
	refused(t, fx.send(fx.request(leeds, "POST", "/STU3/Subscription", access.CreateInteraction, none)), 422, "INVALID_RESOURCE")
}

// TestOptionsOnTheBase: OPTIONS on the base returns the CapabilityStatement to everybody.
func TestOptionsOnTheBase(t *testing.T) {
	fx := newFixture(t)
	for _, path := range []string{"/STU3", "/STU3/"} {
		answer := fx.send(httptest.NewRequest("OPTIONS", path, nil))
		if answer.Code != 200 || parse(t, answer).Name() != "CapabilityStatement" || answer.Header().Get("Allow") != "POST, OPTIONS" {
			t.Errorf("%s: %d, Allow %q, %s", path, answer.Code, answer.Header().Get("Allow"), answer.Body)
		}
	}
	r := httptest.NewRequest("OPTIONS", "/STU3/", nil)
	r.Header.Set("Accept", "text/html")
	refused(t, fx.send(r), 415, "UNSUPPORTED_MEDIA_TYPE")
}

// TestChallenge: a refused or missing token is answered with a challenge that
// says what is needed (RFC 6750, section 3), and repeats nothing of the token.
func TestChallenge(t *testing.T) {
	fx := newFixture(t)
	token := func(change func(*jwt.Token)) string {
		k := jwt.Token{Issuer: "http://test", Audience: "http://nems.test", Issued: fx.clock(), ASID: leeds.asid, ODS: leeds.ods, Reason: "directcare", Scope: jwt.ScopeRead}
		change(&k)
		return "Bearer " + k.Unsigned()
	}
	const realm = `Bearer realm="NEMS"`
	for name, c := range map[string]struct {
		headers []string
		want    string
	}{
		"none":            {nil, realm},
		"blank":           {[]string{""}, realm},
		"another scheme":  {[]string{"Basic dXNlcjpwYXNzd29yZA=="}, realm},
		"no token":        {[]string{"Bearer"}, realm + `, error="invalid_request"`},
		"two":             {[]string{"Bearer a.b.c", "Bearer a.b.c"}, realm + `, error="invalid_request"`},
		"not a JWT":       {[]string{"Bearer open-sesame"}, realm + `, error="invalid_token"`},
		"expired":         {[]string{token(func(k *jwt.Token) { k.Issued = k.Issued.Add(-time.Hour) })}, realm + `, error="invalid_token"`},
		"another system":  {[]string{token(func(k *jwt.Token) { k.ASID = national.asid })}, realm + `, error="invalid_token"`},
		"no organisation": {[]string{token(func(k *jwt.Token) { k.ODS = "" })}, realm + `, error="invalid_token"`},
		"another scope":   {[]string{token(func(k *jwt.Token) { k.Scope = jwt.ScopePublish })}, realm + `, error="insufficient_scope", scope="patient/Subscription.read"`},
	} {
		r := fx.request(leeds, "GET", "/STU3/Subscription", access.ReadInteraction, "")
		r.Header["Authorization"] = c.headers
		answer := fx.send(r)
		refused(t, answer, 400, "MISSING_OR_INVALID_HEADER")
		if got := answer.Header().Values("WWW-Authenticate"); len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: expected %s; received %q", name, c.want, got)
		}
	}
	for name, change := range map[string]func(*http.Request){
		"fromASID":      func(r *http.Request) { r.Header.Del("fromASID") },
		"InteractionID": func(r *http.Request) { r.Header.Set("InteractionID", access.CreateInteraction) },
	} {
		r := fx.request(leeds, "GET", "/STU3/Subscription", access.ReadInteraction, "")
		change(r)
		if answer := fx.send(r); answer.Code != 400 || answer.Header().Get("WWW-Authenticate") != "" {
			t.Errorf("%s: %d, WWW-Authenticate %q", name, answer.Code, answer.Header().Get("WWW-Authenticate"))
		}
	}
}
