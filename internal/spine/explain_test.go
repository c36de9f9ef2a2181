package spine

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"nems/internal/access"
	"nems/internal/nhs"
)

// TestTokensWrittenHereGetIn checks that every token that this package writes is admitted, and says
// what it was given.
func TestTokensWrittenHereGetIn(t *testing.T) {
	door := testDoor(t, Strict)
	rapid.Check(t, func(t *rapid.T) {
		a := attempts[rapid.SampledFrom([]string{"create", "publish", "read", "delete", "search", "batch"}).Draw(t, "from")]()
		text := rapid.StringMatching(`[ -~éß☂]{0,20}x`)
		a.token.Issuer, a.token.Audience, a.token.ID = text.Draw(t, "iss"), text.Draw(t, "aud"), text.Draw(t, "jti")
		a.token.Reason = rapid.SampledFrom([]string{"directcare", "secondaryuses", "patientaccess"}).Draw(t, "reason")
		a.token.Issued = now.Add(time.Duration(rapid.IntRange(-359, 60).Draw(t, "age")) * time.Second)
		if rapid.Bool().Draw(t, "with a user") {
			a.token.User = text.Draw(t, "user")
		}
		if rapid.Bool().Draw(t, "with a patient") {
			a.token.Patient = nhsNumber("9912003888")
		}
		caller, err := door.Enter(context.Background(), a.build())
		if err != nil {
			t.Fatal(err)
		}
		if caller.User != a.token.User || caller.TokenID != a.token.ID || caller.Patient != a.token.Patient || caller.Reason != a.token.Reason {
			t.Fatalf("token %+v, caller %+v", a.token, caller)
		}
	})
}

func TestUnsignedTokenIsWhatTheSpecificationShows(t *testing.T) {
	token := createRequest().token
	token.Issued = time.Unix(1469436687, 0)
	parts := strings.Split(token.Unsigned(), ".")
	if len(parts) != 3 || parts[2] != "" {
		t.Fatalf("%d parts, signature %q", len(parts), parts[2])
	}
	header, _ := base64.RawURLEncoding.DecodeString(parts[0])
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"iss": "https://rr8.example.nhs.uk", "aud": "https://clinicals.spineservices.nhs.uk/STU3",
		"sub": "https://fhir.nhs.uk/Id/accredited-system|200000000115", "exp": 1469436987.0, "iat": 1469436687.0,
		"reason_for_request": "directcare", "scope": "patient/Subscription.write",
		"requesting_system":       "https://fhir.nhs.uk/Id/accredited-system|200000000115",
		"requesting_organisation": "https://fhir.nhs.uk/Id/ods-organization-code|RR8",
	}
	if diff := cmp.Diff(want, claims); diff != "" || string(header) != `{"alg":"none","typ":"JWT"}` {
		t.Errorf("header %s\n%s", header, diff)
	}
}

func TestExplain(t *testing.T) {
	a := createRequest()
	a.token.Patient, a.token.Reason, a.token.Expires = nhsNumber("9912003888"), "tea", now.Add(-time.Hour)
	a.payload(t, func(s string) string {
		return strings.Replace(s, `"iss":"https://rr8.example.nhs.uk",`, `"azp":[1],`, 1)
	})
	for _, pasted := range []string{a.raw, " " + a.raw + "\n", "Bearer " + a.raw, "Authorization: Bearer " + a.raw} {
		reports, refusal := Explain(pasted, now, EndpointCreate, Strict)
		if refusal != nil {
			t.Fatal(refusal)
		}
		got := map[string]ClaimReport{}
		for _, r := range reports {
			got[r.Part+"."+r.Claim] = r
		}
		if len(got) != len(reports) || len(got) != 13 {
			t.Errorf("%d reports on %d claims: %+v", len(reports), len(got), reports)
		}
		for claim, problem := range map[string]string{
			"header.alg": "", "header.typ": "", "payload.azp": "", "payload.iss": "is missing", "payload.exp": "has expired",
			"payload.iat": "", "payload.sub": "", "payload.aud": "", "payload.scope": "", "payload.reason_for_request": "expected directcare",
			"payload.requesting_system": "", "payload.requesting_organisation": "", "payload.requesting_patient": "",
		} {
			r, ok := got[claim]
			if !ok || (problem == "") != (r.Problem == "") || !strings.Contains(r.Problem, problem) {
				t.Errorf("%s: %+v, want the problem %q", claim, r, problem)
			}
			if r.Ignored != (claim == "payload.azp") {
				t.Errorf("%s: ignored %v", claim, r.Ignored)
			}
		}
		if v := got["payload.exp"].Value; v != "2026-11-22T11:00:00Z" {
			t.Errorf("exp is shown as %q", v)
		}
		if strings.Contains(fmt.Sprintf("%+v", reports), "9912003888") {
			t.Error("the explanation shows the NHS number")
		}
	}
}

func TestExplainWhatCannotBeRead(t *testing.T) {
	for pasted, reports := range map[string]int{
		"": 0, "abc": 0, "Bearer a.b.c": 0,
		tokenOf(`{"alg":"none"}`, `{"iss":"a","iss":"b"}`, ""): 2,
		tokenOf(`{"alg":"HS256"}`, `{"iss":"a"}`, "c2ln"):      2,
		tokenOf(`{"alg":"none"}`, `[]`, ""):                    1,
	} {
		got, refusal := Explain(pasted, now, 0, Strict)
		if refusal == nil || len(got) != reports {
			t.Errorf("%q: %d reports, %v", pasted, len(got), refusal)
		}
	}
}

// TestExplainForAnyEndpoint checks that without an endpoint each scope of a NEMS is accepted.
func TestExplainForAnyEndpoint(t *testing.T) {
	for _, from := range []string{"create", "publish", "read"} {
		reports, refusal := Explain(attempts[from]().token.Unsigned(), now, 0, Strict)
		if refusal != nil {
			t.Fatal(refusal)
		}
		for _, r := range reports {
			if r.Problem != "" {
				t.Errorf("%s: %+v", from, r)
			}
		}
	}
}

// TestNoRefusalRepeatsAnNHSNumber checks that, wherever a caller puts an NHS
// number, no refusal and no explanation repeats it.
func TestNoRefusalRepeatsAnNHSNumber(t *testing.T) {
	const canary = "9912003888"
	door := testDoor(t, Strict)
	places := map[string]func(*attempt, string){
		"Content-Type":  func(a *attempt, s string) { a.header.Set("Content-Type", s) },
		"Accept":        func(a *attempt, s string) { a.header.Set("Accept", s) },
		"fromASID":      func(a *attempt, s string) { a.header.Set("fromASID", s) },
		"toASID":        func(a *attempt, s string) { a.header.Set("toASID", s) },
		"InteractionID": func(a *attempt, s string) { a.header.Set("InteractionID", s) },
		"event":         func(a *attempt, s string) { a.header.Set("InteractionID", access.PublishInteraction(s)) },
		"Authorization": func(a *attempt, s string) { a.header.Set("Authorization", s) },
		"alg":           func(a *attempt, s string) { a.raw = tokenOf(`{"alg":"`+s+`"}`, string(a.token.Payload()), "") },
		"typ":           func(a *attempt, s string) { a.raw = tokenOf(`{"alg":"none","typ":"`+s+`"}`, "{}", "") },
		"JSON":          func(a *attempt, s string) { a.raw = tokenOf(`{"alg":"none"}`, s, "") },
		"member":        func(a *attempt, s string) { a.raw = tokenOf(`{"alg":"none"}`, `{"`+s+`":1,"`+s+`":2}`, "") },
		"number":        func(a *attempt, s string) { a.raw = tokenOf(`{"alg":"none"}`, `{"iss":`+s+`}`, "") },
		"reason":        func(a *attempt, s string) { a.token.Reason = s },
		"scope":         func(a *attempt, s string) { a.token.Scope = "patient/" + s },
		"system":        func(a *attempt, s string) { a.token.ASID = nhs.ASID(s) },
		"organisation":  func(a *attempt, s string) { a.token.ODS = nhs.ODSCode(s) },
		"subject":       func(a *attempt, s string) { a.token.Subject = s },
		"user":          func(a *attempt, s string) { a.token.User, a.token.Subject = s, "x" },
		"patient":       func(a *attempt, s string) { a.token.Patient, a.token.Reason = nhsNumber(canary), s },
	}
	for place, put := range places {
		for _, text := range []string{canary, "991 200 3888", "x|" + canary} {
			a := createRequest()
			put(a, text)
			caller, err := door.Enter(context.Background(), a.build())
			if err == nil {
				t.Errorf("%s: %q gets in as %+v", place, text, caller)
				continue
			}
			if strings.Contains(fmt.Sprintf("%v %+v", err, err), canary) || strings.Contains(err.Error(), "991 200") {
				t.Errorf("%s: %v", place, err)
			}
			reports, _ := Explain(a.raw, now, 0, Strict)
			if strings.Contains(fmt.Sprintf("%+v", reports), canary) {
				t.Errorf("%s: %+v", place, reports)
			}
		}
	}
}
