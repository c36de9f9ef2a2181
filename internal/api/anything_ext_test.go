package api_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"nems/internal/access"
	"nems/internal/catalogue/example"
	"nems/internal/directory/devworld"
	"nems/internal/fhir"
	"nems/internal/jwt"
)

// listed are all refusals that exist: status and Spine code (Spine Core, "Error
// handling", and decision 1).
var listed = []string{
	"400 INVALID_NHS_NUMBER", "400 INVALID_PATIENT_DEMOGRAPHICS", "400 INVALID_REQUEST_MESSAGE", "400 BAD_REQUEST",
	"400 MISSING_OR_INVALID_HEADER", "400 MESSAGE_NOT_WELL_FORMED", "403 ACCESS_DENIED", "403 ASID_CHECK_FAILED",
	"404 ORGANISATION_NOT_FOUND", "404 PATIENT_NOT_FOUND", "404 NO_RECORD_FOUND", "405 BAD_REQUEST", "405 MSG_RESOURCE_ID_FAIL",
	"413 INVALID_REQUEST_MESSAGE", "415 UNSUPPORTED_MEDIA_TYPE", "422 INVALID_RESOURCE", "422 REFERENCE_NOT_FOUND",
	"422 DUPLICATE_REJECTED", "422 NO_LONGER_SUPPORTED", "431 BAD_REQUEST", "501 NOT_IMPLEMENTED", "503 INTERNAL_SERVER_ERROR",
}

// TestAnything: whatever the request, the answer is a listed one and valid in
// the format that it claims, and no log line contains a patient's data.
func TestAnything(t *testing.T) {
	fx := newFixture(t)
	seen := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		for range 20 {
			r := fx.anyRequest(rt)
			fx.SetAway(rapid.IntRange(0, 30).Draw(rt, "away") == 0)
			what := fmt.Sprintf("%s %q %v", r.Method, r.URL.String(), r.Header)
			answer := fx.send(r)
			got, problem := judge(answer, r.Method)
			if problem != "" {
				rt.Fatalf("%s: %s: %d %s", what, problem, answer.Code, answer.Body)
			}
			seen[got]++
		}
	})
	fx.silent()
	if log := fx.log.String(); strings.Contains(log, "panic") || strings.Contains(log, "defect") {
		t.Errorf("something broke:\n%s", log)
	}
	t.Logf("answers: %v", seen)
	for _, common := range []string{"202", "201", "200", "204", "400 MISSING_OR_INVALID_HEADER", "422 INVALID_RESOURCE", "400 MESSAGE_NOT_WELL_FORMED"} {
		if seen[common] == 0 {
			t.Errorf("no request was answered with %s: the requests are too wild to test much", common)
		}
	}
}

// judge returns what an answer is, and what is wrong with it.
func judge(answer *httptest.ResponseRecorder, method string) (got, problem string) {
	body, media := answer.Body.Bytes(), answer.Header().Get("Content-Type")
	if answer.Code < 300 && len(body) == 0 {
		return fmt.Sprint(answer.Code), ""
	}
	if strings.Contains(media, "json") {
		xml, findings, err := fhir.JSONToXML(body)
		if err != nil || len(findings) > 0 {
			return "", "not FHIR JSON"
		}
		body = xml
	} else if !strings.Contains(media, "xml") {
		return "", "Content-Type " + media
	}
	doc, findings, err := fhir.ParseXML(body)
	if err != nil || len(findings) > 0 {
		return "", fmt.Sprintf("not valid STU3: %v %v", err, findings)
	}
	if answer.Code < 300 {
		return fmt.Sprint(answer.Code), ""
	}
	got = fmt.Sprintf("%d %s", answer.Code, doc.Root().At("issue", "details", "coding", "code").Value())
	switch {
	case doc.Root().Name() != "OperationOutcome":
		return "", "not an OperationOutcome"
	case !slices.Contains(listed, got):
		return "", "not a listed answer: " + got
	case doc.Root().At("issue", "diagnostics").Value() == "":
		return "", "no diagnostics"
	case method != http.MethodOptions && (answer.Code == 405) != (answer.Header().Get("Allow") != ""):
		return "", "Allow with another status, or none"
	case answer.Header().Get("WWW-Authenticate") != "" && got != "400 MISSING_OR_INVALID_HEADER":
		return "", "WWW-Authenticate with another refusal"
	case (answer.Code == 503) != (answer.Header().Get("Retry-After") != ""):
		return "", "Retry-After with another status, or none"
	}
	return got, ""
}

// anyRequest is a request that would be right, made wrong in up to four ways.
func (fx *fixture) anyRequest(t *rapid.T) *http.Request {
	r, body := fx.rightRequest(t)
	for range rapid.IntRange(0, 4).Draw(t, "faults") {
		switch rapid.IntRange(0, 5).Draw(t, "fault") {
		case 0:
			r.Method = rapid.SampledFrom([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get"}).Draw(t, "method")
		case 1:
			r.URL.Path = spoil(t, r.URL.Path, "/", "//", "/..", "/.", "%2e", "%2f", "$", "\x00", "é", "Subscription", zeros)
		case 2:
			r.URL.RawQuery = spoil(t, r.URL.RawQuery, "&", "=", "%", "patient=", "_cursor=AAAA", "_count=1", "&_format=json", "&_pretty=true", "&_summary=true", "&_summary=text", "&_summary=count", "_count=0", "event=a,b\\,", "status=active", "event="+vaccine, ";")
		case 3, 4:
			fx.spoilHeader(t, r)
		case 5:
			body = spoil(t, body, "<", ">", "&", "\"", "<entry>", "</Bundle>", "<!DOCTYPE x>", "\xff", "\x00", "{", "}", "[", "null",
				jack, "urn:uuid:", "<id value=\"1\"/>", `<extension url="x"/>`, strings.Repeat("<a>", 100), "http://hl7.org/fhir", "batch", "DELETE")
		}
	}
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	if rapid.IntRange(0, 9).Draw(t, "length") == 0 {
		r.ContentLength = rapid.SampledFrom([]int64{-1, int64(len(body)) + 1, 4 << 20}).Draw(t, "claimed length")
	}
	return r
}

// rightRequest is one of everything that the API can do.
func (fx *fixture) rightRequest(t *rapid.T) (*http.Request, string) {
	n := rapid.IntRange(0, 1_000_000).Draw(t, "patient")
	new := func(s system, method, path, interaction, scope, body string) (*http.Request, string) {
		token := jwt.Token{Issuer: "http://test", Audience: "http://nems.test", Issued: fx.clock(), ASID: s.asid, ODS: s.ods, Reason: "directcare", Scope: scope}
		address, query, _ := strings.Cut(path, "?")
		return &http.Request{Method: method, URL: &url.URL{Path: address, RawQuery: query}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: "nems.test", Header: http.Header{
			"Authorization": {"Bearer " + token.Unsigned()}, "Fromasid": {string(s.asid)}, "Toasid": {string(devworld.NEMS)},
			"Interactionid": {interaction}, "Accept": {"application/fhir+xml"}, "Content-Type": {"application/fhir+xml"}}}, body
	}
	created := resource(leeds, "MAILBOX1234", about(number(n), vaccine))
	switch rapid.IntRange(0, 7).Draw(t, "request") {
	case 0:
		message, err := example.Message(vaccine, "new", example.Patient{})
		must(fx, err)
		body := string(message)
		if rapid.IntRange(0, 3).Draw(t, "resource") == 0 { // faults alone rarely leave XML that is wrong as FHIR
			body = strings.Replace(body, `"completed"`, `"done"`, 1)
		}
		return new(publisher, "POST", "/STU3/Events/1/$process-message", access.PublishInteraction("Vaccinations"), jwt.ScopePublish, body)
	case 1:
		return new(leeds, "POST", "/STU3/Subscription", access.CreateInteraction, jwt.ScopeWrite, created)
	case 2:
		return new(leeds, "GET", "/STU3/Subscription/"+zeros, access.ReadInteraction, jwt.ScopeRead, "")
	case 3:
		return new(leeds, "DELETE", "/STU3/Subscription/"+zeros, access.DeleteInteraction, jwt.ScopeWrite, "")
	case 4:
		return new(leeds, "GET", "/STU3/Subscription?status=active&_count=2", access.ReadInteraction, jwt.ScopeRead, "")
	case 5:
		r, body := new(leeds, "POST", "/STU3/Subscription/_search", access.ReadInteraction, jwt.ScopeRead, "mailbox=MAILBOX1234&_count=1")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return r, body
	case 6:
		return new(leeds, "POST", "/STU3", access.CreateInteraction, jwt.ScopeWrite, batchOf("batch",
			entry{method: "POST", url: "Subscription", resource: created}, entry{method: "DELETE", url: "Subscription/" + zeros}))
	default:
		return new(leeds, "GET", "/STU3/metadata", "", "", "")
	}
}

// spoil replaces a part of a text by something else.
func spoil(t *rapid.T, s string, pieces ...string) string {
	from := rapid.IntRange(0, len(s)).Draw(t, "from")
	to := min(len(s), from+rapid.IntRange(0, 20).Draw(t, "cut"))
	piece := rapid.OneOf(rapid.SampledFrom(append(pieces, "")), rapid.StringN(0, 8, -1)).Draw(t, "piece")
	return s[:from] + piece + s[to:]
}

// spoilHeader drops, repeats, replaces or changes a header.
func (fx *fixture) spoilHeader(t *rapid.T, r *http.Request) {
	names := append(slices.Sorted(maps.Keys(r.Header)), "Idempotency-Key", "Prefer", "Content-Encoding", "X-Other")
	name := rapid.SampledFrom(names).Draw(t, "header")
	value := r.Header.Get(name)
	switch rapid.IntRange(0, 4).Draw(t, "how") {
	case 0:
		r.Header.Del(name)
	case 1:
		r.Header[name] = []string{value, value}
	case 2:
		r.Header[name] = []string{rapid.SampledFrom([]string{"", " ", "*/*", "application/fhir+json", "application/json+fhir;charset=utf-8", "text/html",
			"return=representation", "return=OperationOutcome", "gzip", "Bearer ", "Bearer a.b.c", "Basic x", access.CreateInteraction, access.ReadInteraction,
			string(leeds.asid), string(national.asid), jack, strings.Repeat("x", 20_000)}).Draw(t, "value")}
	case 3:
		r.Header[name] = []string{rapid.String().Draw(t, "text")}
	case 4:
		r.Header[name] = []string{spoil(t, value, ".", "eyJ", "=", ",", ";q=0", "\r\n", "\x00")}
	}
}
