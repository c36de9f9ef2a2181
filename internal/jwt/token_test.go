package jwt

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/internal/nhs"
)

// read parses an unsigned token with a reader other than the front door's.
func read(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[2] != "" {
		t.Fatalf("expected two parts and an empty signature; received %d parts", len(parts))
	}
	for i, into := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

func TestUnsigned(t *testing.T) {
	patient, err := nhs.ParseNHSNumber("9912003888")
	if err != nil {
		t.Fatal(err)
	}
	issued := time.Unix(1_700_000_000, 0)
	header, claims := read(t, Token{
		Issuer: "i", Audience: "a\"\xff", Issued: issued, Reason: "directcare", Scope: ScopeRead,
		ASID: "200000000115", ODS: "RR8", User: "u|1", Patient: patient, ID: "7",
	}.Unsigned())
	if diff := cmp.Diff(map[string]any{"alg": "none", "typ": "JWT"}, header); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{
		"iss": "i", "sub": "u|1", "aud": "a\"\uFFFD", "exp": 1_700_000_300.0, "iat": 1_700_000_000.0, "reason_for_request": "directcare",
		"scope": "patient/Subscription.read", "requesting_system": "https://fhir.nhs.uk/Id/accredited-system|200000000115",
		"requesting_organisation": "https://fhir.nhs.uk/Id/ods-organization-code|RR8", "requesting_user": "u|1",
		"requesting_patient": "http://fhir.nhs.net/Id/nhs-number|9912003888", "jti": "7",
	}, claims); diff != "" {
		t.Error(diff)
	}
}

// A system without a user is its own subject, and unknown claims are left out.
func TestUnsignedOfASystem(t *testing.T) {
	issued := time.Unix(1_700_000_000, 0)
	_, claims := read(t, Token{ASID: "200000000115", Issued: issued, Expires: issued.Add(time.Minute)}.Unsigned())
	const system = "https://fhir.nhs.uk/Id/accredited-system|200000000115"
	if diff := cmp.Diff(map[string]any{"sub": system, "exp": 1_700_000_060.0, "iat": 1_700_000_000.0, "requesting_system": system}, claims); diff != "" {
		t.Error(diff)
	}
}
