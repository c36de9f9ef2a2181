package spine

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"nems/internal/access"
	"nems/internal/jwt"
	"nems/internal/nhs"
	"nems/internal/refuse"
)

// payload edits the JSON of the token's payload.
func (a *attempt) payload(t *testing.T, edit func(string) string) {
	t.Helper()
	before := string(a.token.Payload())
	after := edit(before)
	if after == before {
		t.Fatal("the test changes nothing in the payload")
	}
	a.raw = tokenOf(`{"alg":"none","typ":"JWT"}`, after, "")
}

// tokenOf encodes a token from its parts.
func tokenOf(header, payload, signature string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(payload)) + "." + signature
}

// swap replaces a piece of the payload, which must be present.
func swap(old, replacement string) func(*testing.T, *attempt) {
	return func(t *testing.T, a *attempt) {
		a.payload(t, func(s string) string { return strings.Replace(s, old, replacement, 1) })
	}
}

// without removes a claim with a string value from the payload.
func without(claim string) func(*testing.T, *attempt) {
	return func(t *testing.T, a *attempt) {
		a.payload(t, func(s string) string {
			start := strings.Index(s, `"`+claim+`":`)
			if start < 0 {
				return s
			}
			end := start + strings.IndexAny(s[start:], ",}")
			if s[end] == ',' {
				end++
			}
			return strings.Replace(s[:start]+s[end:], ",}", "}", 1)
		})
	}
}

// value replaces the JSON value of a claim.
func value(claim, json string) func(*testing.T, *attempt) {
	return func(t *testing.T, a *attempt) {
		a.payload(t, func(s string) string {
			start := strings.Index(s, `"`+claim+`":`)
			if start < 0 {
				return s[:len(s)-1] + `,"` + claim + `":` + json + "}"
			}
			start += len(claim) + 3
			end := start + strings.IndexAny(s[start:], ",}")
			return s[:start] + json + s[end:]
		})
	}
}

func set(header, value string) func(*testing.T, *attempt) {
	return func(_ *testing.T, a *attempt) { a.header.Set(header, value) }
}

func drop(header string) func(*testing.T, *attempt) {
	return func(_ *testing.T, a *attempt) { a.header[http.CanonicalHeaderKey(header)] = []string{} }
}

func twice(header string) func(*testing.T, *attempt) {
	return func(_ *testing.T, a *attempt) {
		a.build()
		a.header.Add(header, a.header.Get(header))
	}
}

func rawToken(raw string) func(*testing.T, *attempt) {
	return func(_ *testing.T, a *attempt) { a.raw = raw }
}

// joseHeader replaces the JOSE header of the token.
func joseHeader(header string) func(*testing.T, *attempt) {
	return func(_ *testing.T, a *attempt) { a.raw = tokenOf(header, string(a.token.Payload()), "") }
}

func claimed(edit func(*jwt.Token)) func(*testing.T, *attempt) {
	return func(_ *testing.T, a *attempt) { edit(&a.token) }
}

func certificate(names ...string) func(*testing.T, *attempt) {
	return func(_ *testing.T, a *attempt) { a.certificate = names }
}

// all makes several changes that together are one mistake.
func all(changes ...func(*testing.T, *attempt)) func(*testing.T, *attempt) {
	return func(t *testing.T, a *attempt) {
		for _, change := range changes {
			change(t, a)
		}
	}
}

// attempts are the requests that a table test starts from, by name.
var attempts = map[string]func() *attempt{
	"create":  createRequest,
	"publish": publishRequest,
	"read": func() *attempt {
		return newAttempt(EndpointRead, subscriber, access.ReadInteraction, jwt.ScopeRead)
	},
	"delete": func() *attempt {
		return newAttempt(EndpointDelete, subscriber, access.DeleteInteraction, jwt.ScopeWrite)
	},
	"search": func() *attempt {
		return newAttempt(EndpointSearch, subscriber, access.ReadInteraction, jwt.ScopeRead)
	},
	"batch": func() *attempt {
		return newAttempt(EndpointBatch, subscriber, access.CreateInteraction, jwt.ScopeWrite)
	},
}

// refused is a request with one mistake, and the expected answer.
type refused struct {
	name   string
	from   string
	change func(*testing.T, *attempt)
	status int
	code   refuse.Code
	says   string // part of the diagnostics
}

const (
	moih = refuse.MissingOrInvalidHeaderCode
	acf  = refuse.ASIDCheckFailedCode
	deny = refuse.AccessDeniedCode
	umt  = refuse.UnsupportedMediaTypeCode
)

func seconds(t time.Time) string { return fmt.Sprint(t.Unix()) }

var refusedRequests = []refused{
	// Media types.
	{"text/plain", "create", set("Content-Type", "text/plain"), 415, umt, "Content-Type HTTP Header: expected application/fhir+xml"},
	{"application/xml", "create", set("Content-Type", "application/xml"), 415, umt, `received "application/xml"`},
	{"application/json", "create", set("Content-Type", "application/json"), 415, umt, ""},
	{"text/xml", "publish", set("Content-Type", "text/xml"), 415, umt, ""},
	{"JSON published", "publish", set("Content-Type", "application/fhir+json"), 415, umt, "application/xml+fhir"},
	{"old JSON published", "publish", set("Content-Type", "application/json+fhir"), 415, umt, ""},
	{"JSON with charset published", "publish", set("Content-Type", "application/fhir+json; charset=utf-8"), 415, umt, ""},
	{"latin1", "create", set("Content-Type", "application/fhir+xml; charset=iso-8859-1"), 415, umt, "charset=utf-8"},
	{"UTF-16", "publish", set("Content-Type", "application/fhir+xml;charset=utf-16"), 415, umt, ""},
	{"charset twice", "create", set("Content-Type", "application/fhir+xml;charset=utf-8;charset=latin1"), 415, umt, ""},
	{"broken media type", "create", set("Content-Type", "application/fhir+xml;"+strings.Repeat("x", 20)+"="), 415, umt, ""},
	{"media type without subtype", "create", set("Content-Type", "fhir"), 415, umt, ""},
	{"two media types in one header", "create", set("Content-Type", "application/fhir+xml, application/fhir+json"), 415, umt, ""},
	{"Content-Type twice", "create", twice("Content-Type"), 415, umt, "2 times"},
	{"multipart", "create", set("Content-Type", "multipart/form-data; boundary=x"), 415, umt, ""},
	{"XML with a wrong suffix", "create", set("Content-Type", "application/fhir-xml"), 415, umt, ""},
	{"Accept html", "create", set("Accept", "text/html"), 415, umt, "Accept HTTP Header: expected"},
	{"Accept application/xml", "read", set("Accept", "application/xml"), 415, umt, ""},
	{"Accept application/json", "read", set("Accept", "application/json"), 415, umt, ""},
	{"Accept nothing", "read", set("Accept", "*/*;q=0"), 415, umt, ""},
	{"Accept forbids what it names", "read", set("Accept", "application/fhir+xml;q=0"), 415, umt, ""},
	{"Accept JSON when publishing", "publish", set("Accept", "application/fhir+json"), 415, umt, ""},
	{"Accept latin1", "read", set("Accept", "application/fhir+json;charset=latin1"), 415, umt, ""},
	{"Accept with a broken quality", "read", set("Accept", "application/fhir+json;q=high"), 415, umt, ""},
	{"Accept with a quality above 1", "delete", set("Accept", "application/fhir+json;q=1.5"), 415, umt, ""},
	{"Accept text/*", "delete", set("Accept", "text/*"), 415, umt, ""},

	// Headers: present, once, well formed.
	{"no fromASID", "create", drop("fromASID"), 400, moih, "fromASID HTTP Header is missing"},
	{"no toASID", "create", drop("toASID"), 400, moih, "toASID HTTP Header is missing"},
	{"no Authorization", "create", drop("Authorization"), 400, moih, "Authorization HTTP Header is missing"},
	{"no InteractionID", "create", drop("InteractionID"), 400, moih, "InteractionID HTTP Header is missing"},
	{"no fromASID on publish", "publish", drop("fromASID"), 400, moih, "fromASID HTTP Header is missing"},
	{"no toASID on read", "read", drop("toASID"), 400, moih, "toASID HTTP Header is missing"},
	{"no Authorization on delete", "delete", drop("Authorization"), 400, moih, "Authorization HTTP Header is missing"},
	{"no InteractionID on publish", "publish", drop("InteractionID"), 400, moih, "InteractionID HTTP Header is missing"},
	{"no header at all", "read", all(drop("fromASID"), drop("toASID"), drop("Authorization"), drop("InteractionID")), 400, moih, "fromASID HTTP Header is missing"},
	{"empty fromASID", "create", set("fromASID", ""), 400, moih, "fromASID HTTP Header is missing"},
	{"blank toASID", "create", set("toASID", "  "), 400, moih, "toASID HTTP Header is missing"},
	{"empty InteractionID", "create", set("InteractionID", ""), 400, moih, "InteractionID HTTP Header is missing"},
	{"empty Authorization", "create", set("Authorization", " "), 400, moih, "Authorization HTTP Header is missing"},
	{"missing comes before malformed", "create", all(set("fromASID", "1"), drop("InteractionID")), 400, moih, "InteractionID HTTP Header is missing"},
	{"fromASID twice", "create", twice("fromASID"), 400, moih, "fromASID HTTP Header is invalid: expected the header once, received it 2 times"},
	{"toASID twice", "create", twice("toASID"), 400, moih, "toASID"},
	{"Authorization twice", "create", twice("Authorization"), 400, moih, "Authorization"},
	{"InteractionID twice", "create", twice("InteractionID"), 400, moih, "InteractionID"},
	{"fromASID of 11 digits", "create", set("fromASID", "20000000011"), 400, moih, "twelve digits, received a value of 11 characters"},
	{"fromASID of 13 digits", "create", set("fromASID", "2000000001155"), 400, moih, "fromASID"},
	{"fromASID with a letter", "create", set("fromASID", "20000000011O"), 400, moih, "fromASID"},
	{"two ASIDs in fromASID", "create", set("fromASID", "200000000115, 200000000116"), 400, moih, "fromASID"},
	{"fromASID with its naming system", "create", set("fromASID", jwt.ASIDNaming+"|200000000115"), 400, moih, "fromASID"},
	{"fromASID in other digits", "create", set("fromASID", "２00000000115"), 400, moih, "fromASID"},
	{"toASID of 10 digits", "create", set("toASID", "1111111111"), 400, moih, "toASID"},
	{"toASID negative", "create", set("toASID", "-11111111111"), 400, moih, "toASID"},

	// Interaction ids.
	{"unknown interaction", "create", set("InteractionID", "urn:nhs:names:services:nrls:fhir:rest:create:documentreference"), 400, moih, "InteractionID HTTP Header is invalid: expected " + access.CreateInteraction},
	{"interaction in capitals", "create", set("InteractionID", strings.ToUpper(access.CreateInteraction)), 400, moih, ""},
	{"reading interaction on create", "create", set("InteractionID", access.ReadInteraction), 400, moih, access.CreateInteraction},
	{"creating interaction on read", "read", set("InteractionID", access.CreateInteraction), 400, moih, access.ReadInteraction},
	{"creating interaction on delete", "delete", set("InteractionID", access.CreateInteraction), 400, moih, access.DeleteInteraction},
	{"deleting interaction on search", "search", set("InteractionID", access.DeleteInteraction), 400, moih, access.ReadInteraction},
	{"deleting interaction on batch", "batch", set("InteractionID", access.DeleteInteraction), 400, moih, access.CreateInteraction},
	{"creating interaction on publish", "publish", set("InteractionID", access.CreateInteraction), 400, moih, "[Event_Code].Write"},
	{"publishing interaction on create", "create", set("InteractionID", access.PublishInteraction("Vaccinations")), 400, moih, ""},
	{"publishing interaction without event", "publish", set("InteractionID", access.PublishInteraction("")), 400, moih, ""},
	{"publishing interaction with the placeholder", "publish", set("InteractionID", access.PublishInteraction("[Event_Code]")), 400, moih, ""},
	{"publishing interaction without .Write", "publish", set("InteractionID", "urn:nhs:names:services:events:Vaccinations"), 400, moih, ""},
	{"publishing interaction .Read", "publish", set("InteractionID", "urn:nhs:names:services:events:Vaccinations.Read"), 400, moih, ""},
	{"publishing interaction with a blank", "publish", set("InteractionID", access.PublishInteraction("Newborn hearing")), 400, moih, ""},
	{"event code alone as interaction", "publish", set("InteractionID", "vaccinations-1"), 400, moih, ""},

	// The token as a whole.
	{"basic authentication", "create", set("Authorization", "Basic dTpw"), 400, moih, "expected \"Bearer\""},
	{"token without scheme", "create", set("Authorization", createRequest().token.Unsigned()), 400, moih, "expected \"Bearer\""},
	{"scheme without token", "create", set("Authorization", "Bearer"), 400, moih, "expected \"Bearer\""},
	{"scheme misspelled", "create", set("Authorization", "Bearr "+createRequest().token.Unsigned()), 400, moih, ""},
	{"token too long", "create", rawToken(strings.Repeat("a", longestToken+1)), 400, moih, "at most 8192"},
	{"no dots", "create", rawToken("abc"), 400, moih, "three parts"},
	{"dot at the end left out", "create", func(_ *testing.T, a *attempt) { a.raw = strings.TrimSuffix(a.token.Unsigned(), ".") }, 400, moih, "an unsigned one ends with a dot"},
	{"four parts", "create", func(_ *testing.T, a *attempt) { a.raw = a.token.Unsigned() + "." }, 400, moih, "three parts"},
	{"only dots", "create", rawToken(".."), 400, moih, "not complete base64url"},
	{"padding", "create", func(_ *testing.T, a *attempt) { a.raw = strings.Replace(a.token.Unsigned(), ".", "=.", 1) }, 400, moih, "without padding"},
	{"base64 instead of base64url", "create", rawToken("eyJhbGciOiJub25lIn0.e/+A."), 400, moih, "the payload of the JWT must be base64url"},
	{"line break in the token", "create", func(_ *testing.T, a *attempt) { a.raw = strings.Replace(a.token.Unsigned(), ".", ".\n", 1) }, 400, moih, "base64url"},
	{"base64url with bits left over", "create", rawToken("eyJhbGciOiJub25lIn1.e30."), 400, moih, "header of the JWT is not complete"},
	{"base64url cut short", "create", rawToken("eyJhb.e30."), 400, moih, "header"},
	{"header is no JSON", "create", joseHeader("none"), 400, moih, "the header of the JWT is not JSON"},
	{"header is an array", "create", joseHeader(`["none"]`), 400, moih, "must be a JSON object, received an array"},
	{"header with alg twice", "create", joseHeader(`{"alg":"none","alg":"none"}`), 400, moih, `the member "alg" twice`},
	{"header with text after it", "create", joseHeader(`{"alg":"none"}{}`), 400, moih, "text after"},
	{"header without alg", "create", joseHeader(`{"typ":"JWT"}`), 400, moih, "alg in the header of the JWT is missing"},
	{"alg null", "create", joseHeader(`{"alg":null}`), 400, moih, "expected a string, received null"},
	{"alg empty", "create", joseHeader(`{"alg":""}`), 400, moih, "empty"},
	{"alg None", "create", joseHeader(`{"alg":"None"}`), 400, moih, `received "None"`},
	{"alg HS256", "create", joseHeader(`{"alg":"HS256"}`), 400, moih, `received "HS256"`},
	{"alg RS256", "create", joseHeader(`{"alg":"RS256"}`), 400, moih, `"RS512" or "ES256"`},
	{"typ JWE", "create", joseHeader(`{"alg":"none","typ":"JWE"}`), 400, moih, `typ in the header of the JWT: expected "JWT", received "JWE"`},
	{"typ number", "create", joseHeader(`{"alg":"none","typ":1}`), 400, moih, "received a number"},
	{"crit", "create", joseHeader(`{"alg":"none","crit":["b64"],"b64":false}`), 400, moih, "crit"},
	{"alg none with a signature", "create", func(_ *testing.T, a *attempt) { a.raw = a.token.Unsigned() + "c2ln" }, 400, moih, "alg none but has a signature"},
	{"alg RS512 without a signature", "create", joseHeader(`{"alg":"RS512","typ":"JWT"}`), 400, moih, "alg RS512 but has no signature"},
	{"signature that is no base64url", "create", func(_ *testing.T, a *attempt) {
		a.raw = tokenOf(`{"alg":"ES256"}`, string(a.token.Payload()), "a+b=")
	}, 400, moih, "the signature of the JWT must be base64url"},
	{"signature of nobody", "create", func(_ *testing.T, a *attempt) {
		a.raw = tokenOf(`{"alg":"ES256"}`, string(a.token.Payload()), "c2lnbmF0dXJl")
	}, 400, moih, "does not verify with any ES256 key"},
	{"payload is no JSON", "create", rawToken(tokenOf(`{"alg":"none"}`, "claims", "")), 400, moih, "the payload of the JWT is not JSON"},
	{"payload is a string", "create", rawToken(tokenOf(`{"alg":"none"}`, `"claims"`, "")), 400, moih, "received a string"},
	{"payload is null", "create", rawToken(tokenOf(`{"alg":"none"}`, `null`, "")), 400, moih, "received null"},
	{"payload is empty", "create", rawToken(tokenOf(`{"alg":"none"}`, ``, "")), 400, moih, "not complete"},
	{"payload without claims", "create", rawToken(tokenOf(`{"alg":"none"}`, `{}`, "")), 400, moih, "JWT iss claim is missing"},
	{"payload cut short", "create", func(t *testing.T, a *attempt) {
		a.payload(t, func(s string) string { return strings.TrimSuffix(s, "}") })
	}, 400, moih, "not JSON"},
	{"payload with a comma at the end", "create", swap("}", ",}"), 400, moih, "not JSON: it goes wrong at byte"},
	{"payload with text after it", "create", swap("}", "} x"), 400, moih, "text after"},
	{"payload with a second object", "create", swap("}", "}{}"), 400, moih, "text after"},
	{"payload that is not UTF-8", "create", swap("directcare", "direct\xffcare"), 400, moih, "not UTF-8"},
	{"payload with half a surrogate", "create", swap("directcare", `direct\ud800care`), 400, moih, "not JSON"},
	{"payload with a byte order mark", "create", swap("{", "\ufeff{"), 400, moih, ""},
	{"claim twice", "create", swap(`"iss"`, `"scope":"patient/Subscription.write","iss"`), 400, moih, `the member "scope" twice`},
	{"claim twice, once escaped", "create", swap(`"iss"`, `"\u0073cope":"patient/Subscription.write","iss"`), 400, moih, "twice"},
	{"member twice within an unknown claim", "create", swap(`"iss"`, `"x":{"a":1,"a":2},"iss"`), 400, moih, "twice"},
	{"claim in capitals", "create", swap(`"scope"`, `"Scope"`), 400, moih, `expected "scope"`},
	{"claim also in capitals", "create", swap(`"iss"`, `"SUB":"x","iss"`), 400, moih, `a claim "SUB"`},
	{"comment in the payload", "create", swap("{", "{/* claims */"), 400, moih, "not JSON"},
	{"single quotes", "create", swap(`"directcare"`, `'directcare'`), 400, moih, "not JSON"},

	// Claims.
	{"no iss", "create", without("iss"), 400, moih, "JWT iss claim is missing"},
	{"no sub", "create", without("sub"), 400, moih, "JWT sub claim is missing"},
	{"no aud", "create", without("aud"), 400, moih, "JWT aud claim is missing"},
	{"no exp", "create", without("exp"), 400, moih, "JWT exp claim is missing"},
	{"no iat", "create", without("iat"), 400, moih, "JWT iat claim is missing"},
	{"no reason", "create", without("reason_for_request"), 400, moih, "JWT reason_for_request claim is missing: expected directcare, secondaryuses or patientaccess"},
	{"no scope", "create", without("scope"), 400, moih, "JWT scope claim is missing"},
	{"no system", "create", without("requesting_system"), 400, moih, "JWT requesting_system claim is missing"},
	{"no organisation", "create", without("requesting_organisation"), 400, moih, "JWT requesting_organisation claim is missing: expected https://fhir.nhs.uk/Id/ods-organization-code|[ODS code]"},
	{"no organisation on publish", "publish", without("requesting_organisation"), 400, moih, "requesting_organisation"},
	{"aud null", "create", value("aud", "null"), 400, moih, "JWT aud claim is invalid: expected the URL of the endpoint, received null"},
	{"aud number", "create", value("aud", "1"), 400, moih, "received a number"},
	{"aud empty", "create", value("aud", `""`), 400, moih, "an empty string"},
	{"aud empty list", "create", value("aud", "[]"), 400, moih, "an array"},
	{"aud list of numbers", "create", value("aud", "[1]"), 400, moih, "an array"},
	{"iss boolean", "create", value("iss", "true"), 400, moih, "a boolean"},
	{"iss blank", "create", value("iss", `"  "`), 400, moih, "an empty string"},
	{"sub object", "create", value("sub", "{}"), 400, moih, "an object"},
	{"exp string", "create", value("exp", `"`+seconds(now.Add(time.Minute))+`"`), 400, moih, "JWT exp claim is invalid: expected the end of its validity in whole seconds since 1970 (UTC), received a string"},
	{"exp null", "create", value("exp", "null"), 400, moih, "null"},
	{"exp with a fraction", "create", value("exp", seconds(now.Add(time.Minute))+".5"), 400, moih, "not whole"},
	{"exp with an exponent", "create", value("exp", "2e9"), 400, moih, "not whole"},
	{"exp in milliseconds", "create", value("exp", seconds(now)+"000"), 400, moih, "13 digits: is it in milliseconds?"},
	{"exp too large to count", "create", value("exp", "99999999999999999999"), 400, moih, "too large"},
	{"exp negative", "create", value("exp", "-1"), 400, moih, "negative"},
	{"expired", "create", claimed(func(t *jwt.Token) { t.Expires = now.Add(-61 * time.Second) }), 400, moih, "expected a moment ahead of now, which is 2026-11-22T12:00:00Z, received 2026-11-22T11:58:59Z"},
	{"expired to the second", "create", claimed(func(t *jwt.Token) { t.Expires = now.Add(-leeway) }), 400, moih, "has expired"},
	{"expired on publish", "publish", claimed(func(t *jwt.Token) { t.Expires = now.Add(-time.Hour) }), 400, moih, "has expired"},
	{"iat in the future", "create", claimed(func(t *jwt.Token) { t.Issued = now.Add(61 * time.Second) }), 400, moih, "JWT iat claim is invalid: expected no moment after now"},
	{"iat in milliseconds", "create", value("iat", seconds(now)+"000"), 400, moih, "milliseconds"},
	{"iat string", "create", value("iat", `"now"`), 400, moih, "a string"},
	{"nbf in the future", "create", value("nbf", seconds(now.Add(2*time.Minute))), 400, moih, "JWT nbf claim"},
	{"nbf string", "create", value("nbf", `"now"`), 400, moih, "JWT nbf claim"},
	{"reason unknown", "create", claimed(func(t *jwt.Token) { t.Reason = "curiosity" }), 400, moih, "JWT reason_for_request claim is invalid"},
	{"reason in capitals", "create", claimed(func(t *jwt.Token) { t.Reason = "DirectCare" }), 400, moih, "reason_for_request"},
	{"two reasons", "create", claimed(func(t *jwt.Token) { t.Reason = "directcare secondaryuses" }), 400, moih, "reason_for_request"},
	{"reason list", "create", value("reason_for_request", `["directcare"]`), 400, moih, "an array"},
	{"scope list as array", "create", value("scope", `["patient/Subscription.write"]`), 400, moih, "an array"},
	{"scope of reading on create", "create", claimed(func(t *jwt.Token) { t.Scope = jwt.ScopeRead }), 400, moih, `expected patient/Subscription.write, received "patient/Subscription.read"`},
	{"scope of reading on delete", "delete", claimed(func(t *jwt.Token) { t.Scope = jwt.ScopeRead }), 400, moih, "scope"},
	{"scope of publishing on create", "create", claimed(func(t *jwt.Token) { t.Scope = jwt.ScopePublish }), 400, moih, "scope"},
	{"scope of subscribing on publish", "publish", claimed(func(t *jwt.Token) { t.Scope = jwt.ScopeWrite }), 400, moih, "expected patient/Bundle.write"},
	{"scope of reading a Bundle", "publish", claimed(func(t *jwt.Token) { t.Scope = "patient/Bundle.read" }), 400, moih, "scope"},
	{"scope with a star", "create", claimed(func(t *jwt.Token) { t.Scope = "patient/*.write" }), 400, moih, `received "patient/*.write"`},
	{"scope in capitals", "create", claimed(func(t *jwt.Token) { t.Scope = "PATIENT/SUBSCRIPTION.WRITE" }), 400, moih, "scope"},
	{"scopes with commas", "create", claimed(func(t *jwt.Token) { t.Scope = "patient/Subscription.read,patient/Subscription.write" }), 400, moih, "scope"},
	{"scope of publishing on search", "search", claimed(func(t *jwt.Token) { t.Scope = jwt.ScopePublish }), 400, moih, "scope"},
	{"another system's ASID", "create", claimed(func(t *jwt.Token) { t.ASID = "200000000116" }), 400, moih, `the ASID of the fromASID header, "200000000115", received "200000000116"`},
	{"another fromASID", "create", set("fromASID", "200000000116"), 400, moih, `"200000000116", received "200000000115"`},
	{"system with another naming", "create", value("requesting_system", `"https://fhir.nhs.uk/Id/other|200000000115"`), 400, moih, "JWT requesting_system claim"},
	{"system without ASID", "create", value("requesting_system", `"`+jwt.ASIDNaming+`|"`), 400, moih, "twelve digits"},
	{"system with a short ASID", "create", claimed(func(t *jwt.Token) { t.ASID = "20000" }), 400, moih, "requesting_system"},
	{"system number", "create", value("requesting_system", "200000000115"), 400, moih, "a number"},
	{"system null", "create", value("requesting_system", "null"), 400, moih, "null"},
	{"organisation with another naming", "create", swap(jwt.ODSNaming, "https://fhir.nhs.uk/Id/other"), 400, moih, "JWT requesting_organisation claim"},
	{"organisation empty", "create", value("requesting_organisation", `""`), 400, moih, "an empty string"},
	{"organisation null", "create", value("requesting_organisation", "null"), 400, moih, "null"},
	{"organisation that is no code", "create", claimed(func(t *jwt.Token) { t.ODS = "R R8" }), 400, moih, "ODS code"},
	{"organisation too long", "create", claimed(func(t *jwt.Token) { t.ODS = "RR8RR8RR8RR8R" }), 400, moih, "ODS code"},
	{"two organisations", "create", value("requesting_organization", `"A83627"`), 400, moih, `the same as requesting_organisation, "RR8", received "A83627"`},
	{"organization null beside the other", "create", value("requesting_organization", "null"), 400, moih, "JWT requesting_organization claim"},
	{"organization with another naming", "create", value("requesting_organization", `"urn:oid:1|RR8"`), 400, moih, "JWT requesting_organization claim"},
	{"sub is another system", "create", claimed(func(t *jwt.Token) { t.Subject = jwt.ASIDNaming + "|200000000116" }), 400, moih, "JWT sub claim is invalid: expected the value of requesting_system"},
	{"sub is the ASID alone", "create", claimed(func(t *jwt.Token) { t.Subject = "200000000115" }), 400, moih, "sub"},
	{"sub is the system although there is a user", "create", claimed(func(t *jwt.Token) {
		t.User, t.Subject = "https://fhir.nhs.uk/Id/sds-role-profile-id|387429785309275", jwt.ASIDNaming+"|200000000115"
	}), 400, moih, "expected the value of requesting_user"},
	{"sub is the patient", "create", claimed(func(t *jwt.Token) {
		t.Patient, t.Subject = nhsNumber("9912003888"), jwt.NHSNumberNamingOld+"|9912003888"
	}), 400, moih, "sub"},
	{"user null", "create", value("requesting_user", "null"), 400, moih, "JWT requesting_user claim"},
	{"user empty", "create", value("requesting_user", `""`), 400, moih, "JWT requesting_user claim"},
	{"user number", "create", value("requesting_user", "5"), 400, moih, "a number"},
	{"patient with a wrong check digit", "create", value("requesting_patient", `"`+jwt.NHSNumberNaming+`|9912003889"`), 400, moih, "JWT requesting_patient claim is invalid"},
	{"patient of nine digits", "create", value("requesting_patient", `"991200388"`), 400, moih, "requesting_patient"},
	{"patient with another naming", "create", value("requesting_patient", `"https://example.org|9912003888"`), 400, moih, "requesting_patient"},
	{"patient as a number", "create", value("requesting_patient", "9912003888"), 400, moih, "a number"},
	{"patient null", "read", value("requesting_patient", "null"), 400, moih, "null"},
	{"jti number", "create", value("jti", "7"), 400, moih, "JWT jti claim"},
	{"unsigned without a certificate", "create", func(_ *testing.T, a *attempt) { a.certificate = nil }, 400, moih, "accepted only together with a client certificate"},
	{"unsigned without a certificate on publish", "publish", func(_ *testing.T, a *attempt) { a.certificate = nil }, 400, moih, "alg none"},

	// Registration.
	{"toASID of somebody else", "create", set("toASID", "222222222222"), 403, acf, `toASID "222222222222" is not this service: expected "111111111111"`},
	{"toASID equal to fromASID", "create", set("toASID", "200000000115"), 403, acf, "toASID"},
	{"unknown ASID", "create", all(set("fromASID", "999999999999"), claimed(func(t *jwt.Token) { t.ASID = "999999999999" })), 403, acf, `fromASID "999999999999" is not registered`},
	{"revoked ASID", "create", all(set("fromASID", string(revoked.ASID)), claimed(func(t *jwt.Token) { t.ASID = revoked.ASID })), 403, acf, "revoked"},
	{"publisher creates", "create", all(set("fromASID", string(publisher.ASID)), certificate(publisher.CertificateNames...), claimed(func(t *jwt.Token) { t.ASID, t.ODS = publisher.ASID, "A83627" })), 403, acf, "not registered for the interaction"},
	{"subscriber publishes", "publish", all(set("fromASID", string(subscriber.ASID)), certificate(subscriber.CertificateNames...), claimed(func(t *jwt.Token) { t.ASID, t.ODS = subscriber.ASID, "RR8" })), 403, acf, "not registered for the interaction"},
	{"another's certificate", "create", certificate("gp.example.nhs.uk"), 403, deny, "the client certificate is not registered"},
	{"certificate without names", "create", certificate([]string{}...), 403, deny, "client certificate"},
	{"another's organisation", "create", claimed(func(t *jwt.Token) { t.ODS = "A83627" }), 403, deny, `the organisation "A83627" is not registered for fromASID "200000000115"`},
	{"another's organisation on publish", "publish", claimed(func(t *jwt.Token) { t.ODS = "RR8" }), 403, deny, "organisation"},
	{"another's organisation on read", "read", claimed(func(t *jwt.Token) { t.ODS = "X26" }), 403, deny, "organisation"},

	// The first check that fails decides the answer.
	{"media type before headers", "create", all(set("Content-Type", "text/plain"), drop("fromASID")), 415, umt, ""},
	{"headers before the interaction's fit", "create", all(set("fromASID", "1"), set("InteractionID", access.ReadInteraction)), 400, moih, "fromASID"},
	{"interaction before the token", "create", all(set("InteractionID", access.ReadInteraction), rawToken("abc")), 400, moih, "InteractionID"},
	{"token before the receiver", "create", all(set("toASID", "222222222222"), claimed(func(t *jwt.Token) { t.Reason = "x" })), 400, moih, "reason_for_request"},
	{"receiver before the organisation", "create", all(set("toASID", "222222222222"), claimed(func(t *jwt.Token) { t.ODS = "X26" })), 403, acf, "toASID"},
	{"interaction before the organisation", "publish", all(set("fromASID", string(subscriber.ASID)), certificate(subscriber.CertificateNames...), claimed(func(t *jwt.Token) { t.ASID, t.ODS = subscriber.ASID, "X26" })), 403, acf, "interaction"},
}

func nhsNumber(s string) nhs.NHSNumber {
	n, err := nhs.ParseNHSNumber(s)
	if err != nil {
		panic(err)
	}
	return n
}

// TestEnterRefuses checks that every request with one mistake is refused in the listed way.
func TestEnterRefuses(t *testing.T) {
	door := testDoor(t, Strict)
	for _, row := range refusedRequests {
		t.Run(row.name, func(t *testing.T) {
			a := attempts[row.from]()
			row.change(t, a)
			caller, err := door.Enter(context.Background(), a.build())
			var refusal *refuse.Refusal
			if !errors.As(err, &refusal) {
				t.Fatalf("got in: %v, %v", caller, err)
			}
			issue := refusal.Issues[0]
			if refusal.Status != row.status || issue.Code != row.code || !strings.Contains(issue.Diagnostics, row.says) {
				t.Errorf("got %v\nwant %d %s: ...%s...", refusal, row.status, row.code, row.says)
			}
			if table := refuse.NewIssue(row.code, issue.Diagnostics); issue != table {
				t.Errorf("issue %+v does not fit the table", issue)
			}
			if refusal.Legacy != (row.status == 415) {
				t.Errorf("legacy form: %v", refusal.Legacy)
			}
			if caller.System.ASID != "" {
				t.Error("a refused request brings its registration along")
			}
		})
	}
}
