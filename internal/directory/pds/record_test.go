package pds

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"nems/internal/directory/pds/pdstest"
	"nems/internal/nhs"
)

// with is a Patient with more members.
func with(members string) string {
	return `{"resourceType":"Patient","id":"9912003888"` + members + `}`
}

func TestParseRecord(t *testing.T) {
	for _, test := range []struct{ name, body, want string }{
		{"little", with(""), `"" [] 0001-01-01 "" "" false false`},
		{"whole", with(`,"name":[{"use":"usual","family":" Smith ","given":["Jane Marie Anne",null," ","Jo"]}],"birthDate":"2010-10-22",` +
			`"address":[{"use":"home","postalCode":"ls16ae"}],"generalPractitioner":[{"identifier":{"value":"y12345"}}]`),
			`"Smith" ["Jane Marie Anne" "Jo"] 2010-10-22 "LS1 6AE" "Y12345" false false`},
		{"the latest name of those that ended", with(`,"name":[{"use":"usual","family":"A","period":{"start":"2001-01-01","end":"2002-01-01"}},` +
			`{"use":"usual","family":"B","period":{"start":"2003-01-01","end":"2004-01-01"}},{"use":"old","family":"C"}]`),
			`"B" [] 0001-01-01 "" "" false false`},
		{"the name of today before one to come", with(`,"name":[{"use":"usual","family":"A","period":{"start":"2001-01-01"}},` +
			`{"use":"usual","family":"B","period":{"start":"2027-01-01"}}]`), `"A" [] 0001-01-01 "" "" false false`},
		{"places that ended or are to come", with(`,"address":[{"use":"home","postalCode":"LS1 6AE","period":{"start":"2001","end":"2026-02-28"}},` +
			`{"use":"home","postalCode":"LS1 6AF","period":{"start":"2026-03-02"}},{"use":"temp","postalCode":"LS1 6AG"}],` +
			`"generalPractitioner":[{"identifier":{"value":"Y12345","period":{"start":"2001-01-01","end":"2026-02"}}}]`),
			`"" [] 0001-01-01 "" "" false false`},
		{"periods include their ends", with(`,"address":[{"use":"home","postalCode":"LS1 6AE","period":{"start":"2001-01-01","end":"2026-03-01T00:00:00+00:00"}}],` +
			`"generalPractitioner":[{"identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"Y12345","period":{"start":"2026-03-01"}}}]`),
			`"" [] 0001-01-01 "LS1 6AE" "Y12345" false false`},
		{"what is not in its form is not known", with(`,"birthDate":"2010-10","address":[{"use":"home","postalCode":"none"}],` +
			`"generalPractitioner":[{"identifier":{"value":"a practice"}},{"identifier":{"system":"urn:other","value":"Y12345"}}]`),
			`"" [] 0001-01-01 "" "" false false`},
		{"a practice by another system", with(`,"generalPractitioner":[{"identifier":{"system":"urn:other","value":"Y12345"}}]`), `"" [] 0001-01-01 "" "" false false`},
		{"unrestricted", with(`,"meta":{"security":[{"code":"U"}]}`), `"" [] 0001-01-01 "" "" false false`},
		{"restricted", with(`,"meta":{"security":[{"code":"R"}]}`), `"" [] 0001-01-01 "" "" true false`},
		{"very restricted", with(`,"meta":{"security":[{"code":"V"}]}`), `"" [] 0001-01-01 "" "" true false`},
		{"restricted and not", with(`,"meta":{"security":[{"code":"U"},{"code":"R"}]}`), `"" [] 0001-01-01 "" "" true false`},
		{"a code to come", with(`,"meta":{"security":[{"code":"X"}]}`), `"" [] 0001-01-01 "" "" true false`},
		{"a label without a code", with(`,"meta":{"security":[{}]}`), `"" [] 0001-01-01 "" "" true false`},
		{"withdrawn", with(`,"name":[{"use":"usual","family":"A"}],"meta":{"security":[{"code":"REDACTED"}]}`), `"" [] 0001-01-01 "" "" false true`},
		{"others' identifiers", with(`,"identifier":[{"system":"urn:x","value":"1"},{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9912003888"}]`),
			`"" [] 0001-01-01 "" "" false false`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := parseRecord([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			p := r.patient(r.id, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
			got := fmt.Sprintf("%q %q %s %q %q %t %t", p.Family, p.Given, p.BirthDate.Format(time.DateOnly), p.Postcode, string(p.GP), p.Sensitive, p.Invalid)
			if got != test.want || p.NHSNumber.Digits() != "9912003888" || !p.SupersededBy.IsZero() {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// noRecords are bodies that are not a Patient, or that name two different
// patients.
var noRecords = map[string]string{
	"nothing": "", "null": "null", "a list": "[]", "HTML": "<html></html>", "cut": with("")[:20], "text behind": with("") + "{}",
	"another resource":          `{"resourceType":"Bundle","id":"9912003888"}`,
	"no id":                     `{"resourceType":"Patient"}`,
	"a wrong check digit":       `{"resourceType":"Patient","id":"9912003889"}`,
	"blanks":                    `{"resourceType":"Patient","id":"991 200 3888"}`,
	"an id that is a number":    `{"resourceType":"Patient","id":9912003888}`,
	"an id twice":               with(`,"id":"9434765919"`),
	"an id twice, escaped":      with(`,"\u0069d":"9434765919"`),
	"a member twice, far below": with(`,"extension":[{"url":"a","url":"b"}]`),
	"an id in capitals":         `{"resourceType":"Patient","ID":"9912003888"}`,
	"another identifier":        with(`,"identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9434765919"}]`),
	"names that are no list":    with(`,"name":{"family":"A"}`),
	"not UTF-8":                 with(",\"birthDate\":\"\xff\""),
	"an OperationOutcome":       `{"resourceType":"OperationOutcome","issue":[]}`,
}

func TestParseRecordRefuses(t *testing.T) {
	for name, body := range noRecords {
		if r, err := parseRecord([]byte(body)); err != errNoPatient {
			t.Errorf("%s: %v, %v", name, r.id, err)
		}
	}
}

// What is read as a Patient is JSON for other readers too, and about one patient.
func FuzzParseRecord(f *testing.F) {
	for _, body := range noRecords {
		f.Add([]byte(body))
	}
	f.Add([]byte(with(`,"name":[{"use":"usual","family":"A","period":{"start":"2001"}}],"meta":{"security":[{"code":"R"}]}`)))
	asked, err := nhs.ParseNHSNumber("9912003888")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		spineCode(body)
		r, err := parseRecord(body)
		if err != nil {
			return
		}
		var seen struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(body, &seen); err != nil || seen.ID != r.id.Digits() {
			t.Errorf("others read %q (%v)", seen.ID, err)
		}
		p := r.patient(asked, time.Unix(1e9, 0))
		if p.NHSNumber != asked || !p.Invalid && p.SupersededBy.IsZero() != (r.id == asked) {
			t.Error("another patient came out")
		}
	})
}

func TestSpineCode(t *testing.T) {
	const coding = `{"details":{"coding":[{"code":"RESOURCE_NOT_FOUND"}]}}`
	for body, want := range map[string]string{
		`{"resourceType":"OperationOutcome","issue":[` + coding + `]}`:                   "RESOURCE_NOT_FOUND",
		`{"resourceType":"OperationOutcome","issue":[` + coding + `,` + coding + `]}`:    "",
		`{"resourceType":"OperationOutcome","issue":[{"details":{}}]}`:                   "",
		`{"resourceType":"Bundle","issue":[` + coding + `]}`:                             "",
		`{"resourceType":"OperationOutcome","issue":[` + coding + `],"issue":[` + coding: "",
		"": "",
	} {
		if got := spineCode([]byte(body)); got != want {
			t.Errorf("%s: %q", body, got)
		}
	}
}

func TestReadToken(t *testing.T) {
	for body, want := range map[string]time.Duration{
		`{"access_token":"a","token_type":"Bearer","expires_in":"599","issued_at":"1"}`: 599 * time.Second,
		`{"access_token":"a","token_type":"bearer","expires_in":599}`:                   599 * time.Second,
		`{"access_token":"a","token_type":"Bearer","expires_in":999999}`:                time.Hour,
		`{"access_token":"a","token_type":"Bearer","expires_in":"0"}`:                   0,
		`{"access_token":"a","token_type":"Bearer"}`:                                    -1,
		`{"access_token":"a","token_type":"Bearer","expires_in":-1}`:                    -1,
		`{"access_token":"a","token_type":"Bearer","expires_in":null}`:                  -1,
		`{"access_token":"a","token_type":"mac","expires_in":1}`:                        -1,
		`{"access_token":"","token_type":"Bearer","expires_in":1}`:                      -1,
		`{"access_token":"a\nb","token_type":"Bearer","expires_in":1}`:                  -1,
		`{"access_token":"a","access_token":"b","token_type":"Bearer","expires_in":1}`:  -1,
		`<html>`: -1,
	} {
		token, life, err := readToken([]byte(body))
		if err != nil {
			life = -1
		}
		if life != want || err == nil && token != "a" {
			t.Errorf("%s: %q for %v, %v", body, token, life, err)
		}
	}
}

func FuzzReadToken(f *testing.F) {
	f.Add([]byte(`{"access_token":"a","token_type":"Bearer","expires_in":"599"}`))
	f.Add([]byte(`{"access_token":"a b","token_type":"Bearer","expires_in":1e9}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		token, life, err := readToken(body)
		if err == nil && (strings.ContainsAny(token, " \r\n\x00") || token == "" || life < 0 || life > maxTokenLife) {
			t.Errorf("%q for %v", token, life)
		}
	})
}

func TestRetryAfterForms(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"7": 7 * time.Second, " 7 ": 7 * time.Second, "0": time.Second, "": time.Second, "-1": time.Second, "soon": time.Second,
		"86400": 5 * time.Minute, "99999999999": time.Second,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second, "Sun, 01 Mar 2026 11:00:00 GMT": time.Second, "Mon, 02 Mar 2026 12:00:00 GMT": 5 * time.Minute,
	} {
		if got := retryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestParseKey(t *testing.T) {
	key := pdstest.Key()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		der  []byte
		want string
	}{
		{x509.MarshalPKCS1PrivateKey(key), ""}, {pkcs8, ""},
		{x509.MarshalPKCS1PrivateKey(short), "2048"}, {other, "RSA"}, {[]byte("x"), "PKCS"},
	} {
		got, err := ParseKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: test.der}))
		if test.want == "" && (err != nil || !got.Equal(key)) || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("want %q: %v", test.want, err)
		}
	}
	if _, err := ParseKey([]byte("no PEM")); err == nil {
		t.Error("text was taken for a key")
	}
}

func TestNewRefuses(t *testing.T) {
	good := Config{Base: "https://pds.example/R4", TokenURL: "https://pds.example/token", APIKey: "a", KeyID: "k", Key: pdstest.Key()}
	for name, change := range map[string]func(*Config){
		"":                  func(*Config) {},
		"http":              func(c *Config) { c.Base = "http://pds.example/R4" },
		"http token":        func(c *Config) { c.TokenURL = "http://pds.example/token" },
		"no base":           func(c *Config) { c.Base = "" },
		"a password":        func(c *Config) { c.Base = "https://a:b@pds.example/R4" },
		"a query":           func(c *Config) { c.Base = "https://pds.example/R4?x=1" },
		"no API key":        func(c *Config) { c.APIKey = "" },
		"no key id":         func(c *Config) { c.KeyID = "" },
		"no key":            func(c *Config) { c.Key = nil },
		"a negative rate":   func(c *Config) { c.Rate = -1 },
		"a negative size":   func(c *Config) { c.Size = -1 },
		"nothing at a time": func(c *Config) { c.Concurrency = -1 },
	} {
		c := good
		change(&c)
		client, err := New(c)
		if (err == nil) != (name == "") {
			t.Errorf("%q: %v", name, err)
		}
		if err == nil {
			client.Close()
		}
	}
}
