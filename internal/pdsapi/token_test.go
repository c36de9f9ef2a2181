package pdsapi

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"nems/internal/access"
	"nems/internal/nhs"
	"nems/internal/spine"
)

const reader, writer, authority, stranger = "200000000001", "200000000002", "200000000003", "200000000004"

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// closed is a service outside the dev world, with a system for each right.
func closed(t *testing.T) *fixture {
	fx := start(t)
	fx.api.Open = false
	public, err := json.Marshal(jose.JSONWebKey{Key: rsaKey().Public(), KeyID: "test-1"})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := spine.ParseKeys(public)
	if err != nil {
		t.Fatal(err)
	}
	for asid, rights := range map[nhs.ASID][]access.DemographicsRight{
		reader: {access.DemographicsRead}, writer: {access.DemographicsWrite}, authority: {access.DemographicsAuthority}, stranger: nil,
	} {
		fx.systems[asid] = spine.Registration{System: access.System{ASID: asid, ODSCodes: []nhs.ODSCode{"B86056", "A20047"}, Demographics: rights}, Keys: keys}
	}
	return fx
}

// assertion signs claims, which override those of a good JWT; nil removes one.
func (fx *fixture) assertion(asid, kid string, change map[string]any) string {
	fx.t.Helper()
	claims := map[string]any{"iss": asid, "sub": asid, "aud": "https://pds.example/oauth2/token", "jti": uuid.NewString(), "exp": fx.now.Add(4 * time.Minute).Unix()}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS512, Key: jose.JSONWebKey{Key: rsaKey(), KeyID: kid}}, nil)
	if err != nil {
		fx.t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		fx.t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		fx.t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		fx.t.Fatal(err)
	}
	return compact
}

func (fx *fixture) exchange(assertion string) reply {
	fx.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {assertionType}, "client_assertion": {assertion}}
	return fx.ask("POST", TokenPath, form.Encode(), map[string]string{"Content-Type": "application/x-www-form-urlencoded"})
}

// bearer returns the header with a new access token.
func (fx *fixture) bearer(asid string) map[string]string {
	fx.t.Helper()
	got := fx.exchange(fx.assertion(asid, "test-1", nil))
	token, _ := got.body["access_token"].(string)
	if got.status != 200 || token == "" || got.body["token_type"] != "Bearer" || got.body["expires_in"] != "599" || got.body["issued_at"] == "" {
		fx.t.Fatalf("%d %v", got.status, got.body)
	}
	return map[string]string{"Authorization": "Bearer " + token}
}

func TestRights(t *testing.T) {
	fx := closed(t)
	asReader, asWriter, asAuthority := fx.bearer(reader), fx.bearer(writer), fx.bearer(authority)
	const male = `{"patches":[{"op":"replace","path":"/gender","value":"male"}]}`
	for _, c := range []struct {
		who                map[string]string
		method, path, body string
		status             int
		code               string
	}{
		{asReader, "GET", "/Patient/" + smith, "", 200, ""},
		{asReader, "PATCH", "/Patient/" + smith, male, 403, invalidMethod},
		{asReader, "GET", "/Patient?family=Smith&birthdate=2010-10-22", "", 200, tooManyMatches},
		{asReader, "GET", "/Patient?family=Smith&birthdate=2010-10-22&_max-results=2", "", 403, invalidValue},
		{asWriter, "GET", "/Patient?family=Smith&birthdate=2010-10-22", "", 200, ""},
		{asWriter, "PATCH", "/Patient/" + smith, male, 200, ""},
		{asWriter, "PATCH", "/Patient/" + restricted, male, 403, forbiddenUpdate},
		{asAuthority, "PATCH", "/Patient/" + restricted, male, 200, ""},
		{asAuthority, "PATCH", "/Patient/" + smith, `{"patches":[{"op":"test","path":"/generalPractitioner/0/id","value":"254406A3"},{"op":"remove","path":"/generalPractitioner/0"}]}`, 409, versionMismatch},
	} {
		got := fx.ask(c.method, c.path, c.body, c.who)
		if code, diagnostics := got.code(); got.status != c.status || code != c.code {
			t.Errorf("%s %s: %d %s %s, want %d %s", c.method, c.path, got.status, code, diagnostics, c.status, c.code)
		}
	}
	asAuthority["If-Match"] = `W/"3"`
	for _, patches := range []string{
		`{"op":"test","path":"/generalPractitioner/0/id","value":"254406A3"},{"op":"remove","path":"/generalPractitioner/0"}`,
		strings.ReplaceAll(dies, "STATUS", "2"),
	} {
		got := fx.ask("PATCH", "/Patient/"+smith, `{"patches":[`+patches+`]}`, asAuthority)
		if _, diagnostics := got.code(); got.status != 200 {
			t.Errorf("%d %s", got.status, diagnostics)
		}
		asAuthority["If-Match"] = got.header.Get("ETag")
	}
	if r := fx.records.all[smith]; r.Practice != nil || r.Death == nil || r.Death.Status != "2" {
		t.Errorf("%v %v", r.Practice, r.Death)
	}
	if e := fx.audited[0]; e.ASID != reader || e.ODS != "B86056" || e.User != "" {
		t.Errorf("%+v", e)
	}
}

// The words are those that PDS's own tests compare (karate-tests, invalidHeaders).
func TestUnauthorised(t *testing.T) {
	fx := closed(t)
	good := fx.bearer(reader)["Authorization"]
	for header, want := range map[string]string{
		"": "Missing Authorization header", "Bearer": "Missing access token", "Bearer ": "Missing access token",
		"Bearer abcdef123456789": "Invalid Access Token", good + "A": "Invalid Access Token", "Basic eDp5": "Invalid Authorization header: expected Bearer and an access token",
		"Bearer " + fx.api.sealed("", fx.now.Add(time.Hour)): "Invalid Access Token", "Bearer " + fx.api.sealed(stranger, fx.now.Add(time.Hour)): "The application is not registered for this API: its registration needs the right read under demographics",
		"Bearer " + fx.api.sealed(reader, fx.now): "Invalid Access Token",
	} {
		for _, path := range []string{"/Patient/" + smith, "/Patient?family=Smith&birthdate=2010-10-22"} {
			got := fx.ask("GET", path, "", map[string]string{"Authorization": header})
			if code, diagnostics := got.code(); got.status != 401 || code != accessDenied || diagnostics != want || got.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%q: %d %s %q, want %q", header, got.status, code, diagnostics, want)
			}
		}
	}
	if got := fx.ask("GET", "/Patient/"+smith, "", map[string]string{"Authorization": good, "NHSD-End-User-Organisation-ODS": "RWF"}); got.status != 403 {
		t.Errorf("another organisation: %d", got.status)
	}
	if got := fx.ask("GET", "/Patient/"+smith, "", map[string]string{"Authorization": good, "NHSD-End-User-Organisation-ODS": "A20047"}); got.status != 200 {
		t.Errorf("second organisation: %d", got.status)
	}
	revoked := fx.systems[reader]
	revoked.Revoked = true
	fx.systems[reader] = revoked
	if got := fx.ask("GET", "/Patient/"+smith, "", map[string]string{"Authorization": good}); got.status != 401 {
		t.Errorf("revoked: %d", got.status)
	}
}

func TestAssertions(t *testing.T) {
	fx := closed(t)
	once := fx.assertion(reader, "test-1", map[string]any{"jti": "once"})
	if got := fx.exchange(once); got.status != 200 {
		t.Fatalf("%d %v", got.status, got.body)
	}
	for name, c := range map[string]struct {
		assertion string
		status    int
		err       string
	}{
		"used twice":    {once, 400, "invalid_request"},
		"another key":   {fx.assertion(reader, "test-2", nil), 401, "invalid_client"},
		"no key id":     {fx.assertion(reader, "", nil), 200, ""},
		"unknown":       {fx.assertion("200000000009", "test-1", nil), 401, "invalid_client"},
		"no right":      {fx.assertion(stranger, "test-1", nil), 401, "invalid_client"},
		"sub":           {fx.assertion(reader, "test-1", map[string]any{"sub": writer}), 400, "invalid_request"},
		"aud":           {fx.assertion(reader, "test-1", map[string]any{"aud": "https://other.example/oauth2/token"}), 400, "invalid_request"},
		"list of aud":   {fx.assertion(reader, "test-1", map[string]any{"aud": []string{"https://pds.example/oauth2/token"}}), 200, ""},
		"no aud":        {fx.assertion(reader, "test-1", map[string]any{"aud": nil}), 400, "invalid_request"},
		"no jti":        {fx.assertion(reader, "test-1", map[string]any{"jti": nil}), 400, "invalid_request"},
		"no exp":        {fx.assertion(reader, "test-1", map[string]any{"exp": nil}), 400, "invalid_request"},
		"long life":     {fx.assertion(reader, "test-1", map[string]any{"exp": fx.now.Add(6 * time.Minute).Unix()}), 400, "invalid_request"},
		"expired":       {fx.assertion(reader, "test-1", map[string]any{"exp": fx.now.Add(-time.Minute).Unix()}), 400, "invalid_request"},
		"expiry a text": {fx.assertion(reader, "test-1", map[string]any{"exp": "soon"}), 400, "invalid_request"},
		"not a JWT":     {"abc", 400, "invalid_request"},
		"unsigned":      {"eyJhbGciOiJub25lIn0." + strings.Split(once, ".")[1] + ".", 401, "invalid_client"},
	} {
		got := fx.exchange(c.assertion)
		if code, _ := got.body["error"].(string); got.status != c.status || code != c.err || c.err != "" && got.body["error_description"] == "" {
			t.Errorf("%s: %d %v", name, got.status, got.body)
		}
	}
	for _, c := range []struct{ method, kind, body string }{
		{"GET", "application/x-www-form-urlencoded", ""}, {"POST", "application/json", "{}"}, {"POST", "application/x-www-form-urlencoded", "grant_type=password"}, {"POST", "application/x-www-form-urlencoded", "%zz"},
	} {
		if got := fx.ask(c.method, TokenPath, c.body, map[string]string{"Content-Type": c.kind}); got.body["error"] != "invalid_request" {
			t.Errorf("%v: %d %v", c, got.status, got.body)
		}
	}
}

// In the dev world everybody gets a token, and nobody needs one. A registered system
// has its own rights.
func TestOpenTokens(t *testing.T) {
	fx := closed(t)
	fx.api.Open = true
	token := fx.exchange("anything").body["access_token"].(string)
	for _, header := range []string{"", "Bearer", "Bearer whatever", "Bearer " + token} {
		if got := fx.ask("GET", "/Patient/"+smith, "", map[string]string{"Authorization": header}); got.status != 200 {
			t.Errorf("%q: %d", header, got.status)
		}
	}
	who := fx.bearer(reader)
	if got := fx.ask("PATCH", "/Patient/"+smith, `{"patches":[]}`, who); got.status != 403 {
		t.Errorf("a reader: %d", got.status)
	}
}

// What is remembered of used JWTs is limited.
func TestUsedIDsAreLimited(t *testing.T) {
	u := usedIDs{until: map[string]time.Time{}}
	for i := range usedAtMost {
		if !u.first(itoa(i), now, now) {
			t.Fatal(i)
		}
	}
	if u.first("one more", now, now) {
		t.Error("there was room")
	}
	if !u.first("later", now, now.Add(time.Hour)) || len(u.until) != 1 {
		t.Errorf("%d are kept", len(u.until))
	}
}
