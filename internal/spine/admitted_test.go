package spine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"nems/internal/access"
	"nems/internal/jwt"
	"nems/internal/nhs"
	"nems/internal/refuse"
)

// admittedRequests are requests that differ from the plain one in a way that is allowed.
var admittedRequests = []struct {
	name   string
	from   string
	change func(*testing.T, *attempt)
}{
	{"as it is", "create", func(*testing.T, *attempt) {}},
	{"publish", "publish", func(*testing.T, *attempt) {}},
	{"read", "read", func(*testing.T, *attempt) {}},
	{"delete", "delete", func(*testing.T, *attempt) {}},
	{"search", "search", func(*testing.T, *attempt) {}},
	{"batch", "batch", func(*testing.T, *attempt) {}},
	{"no Content-Type", "create", drop("Content-Type")},
	{"Content-Type of a request without a body", "read", set("Content-Type", "text/plain")},
	{"blanks around an ASID", "create", set("fromASID", " 200000000115\t")},
	{"headers of the Spine's proxy", "create", all(set("X-Spine-SSLProtocol", "TLSv1.2"), set("X-Spine-SSLCipher", "ECDHE-RSA-AES256-GCM-SHA384"))},
	{"scheme in small letters", "create", set("Authorization", "bearer "+createRequest().token.Unsigned())},
	{"two blanks after the scheme", "create", set("Authorization", "Bearer  "+createRequest().token.Unsigned())},
	{"header without typ", "create", joseHeader(`{"alg":"none"}`)},
	{"typ in small letters", "create", joseHeader(`{"typ":"jwt","alg":"none"}`)},
	{"header with other members", "create", joseHeader(`{"alg":"none","cty":"","x":[1]}`)},
	{"unknown claims", "create", swap("{", `{"azp":"x","nested":{"a":[1,null]},"requesting_practitioner":"y",`)},
	{"blanks in the payload", "create", swap(",", " ,\n\t")},
	{"blanks after the payload", "create", swap("}", "} \n")},
	{"escaped claim", "create", swap("directcare", `\u0064irectcare`)},
	{"escaped claim name", "create", swap(`"iss"`, `"\u0069ss"`)},
	{"secondaryuses", "create", claimed(func(t *jwt.Token) { t.Reason = "secondaryuses" })},
	{"patientaccess", "create", claimed(func(t *jwt.Token) { t.Reason = "patientaccess" })},
	{"several scopes", "create", claimed(func(t *jwt.Token) { t.Scope = "patient/Subscription.read patient/Subscription.write" })},
	{"scopes with blanks to spare", "publish", claimed(func(t *jwt.Token) { t.Scope = "  openid   patient/Bundle.write " })},
	{"reading with the scope of writing", "read", claimed(func(t *jwt.Token) { t.Scope = jwt.ScopeWrite })},
	{"searching with the scope of writing", "search", claimed(func(t *jwt.Token) { t.Scope = jwt.ScopeWrite })},
	{"organization with a z", "create", swap("requesting_organisation", "requesting_organization")},
	{"both spellings, equal", "create", swap(`"iss"`, `"requesting_organization":"rr8","iss"`)},
	{"organisation bare", "create", value("requesting_organisation", `"RR8"`)},
	{"second organisation of the system", "publish", claimed(func(t *jwt.Token) { t.ODS = "B86056" })},
	{"user", "create", claimed(func(t *jwt.Token) { t.User = "https://fhir.nhs.uk/Id/sds-role-profile-id|387429785309275" })},
	{"patient", "create", claimed(func(t *jwt.Token) { t.Patient = nhsNumber("9912003888") })},
	{"patient bare", "create", value("requesting_patient", `"9912003888"`)},
	{"patient with the newer naming", "read", value("requesting_patient", `"`+jwt.NHSNumberNaming+`|9912003888"`)},
	{"audience list", "create", value("aud", `["https://a.example.org"]`)},
	{"any audience", "create", value("aud", `"urn:nobody"`)},
	{"lifetime of a day", "create", claimed(func(t *jwt.Token) { t.Expires = now.Add(24 * time.Hour) })},
	{"expired within the leeway", "create", claimed(func(t *jwt.Token) { t.Expires = now.Add(-59 * time.Second) })},
	{"made in the future within the leeway", "create", claimed(func(t *jwt.Token) { t.Issued = now.Add(60 * time.Second) })},
	{"nbf", "create", value("nbf", seconds(now))},
	{"jti", "create", value("jti", `"7f"`)},
	{"event code in the interaction", "publish", set("InteractionID", access.PublishInteraction("vaccinations-1"))},
	{"unknown event in the interaction", "publish", set("InteractionID", access.PublishInteraction("Tea"))},
	{"certificate with several names", "create", certificate("other.example.nhs.uk", "RR8.example.nhs.uk")},
}

func TestEnterAdmits(t *testing.T) {
	for _, profile := range []Profile{Strict, Observed} {
		door := testDoor(t, profile)
		for _, row := range admittedRequests {
			t.Run(row.name, func(t *testing.T) {
				a := attempts[row.from]()
				row.change(t, a)
				caller, err := door.Enter(context.Background(), a.build())
				if err != nil {
					t.Fatal(err)
				}
				if caller.ASID != a.token.ASID || caller.System.ASID != caller.ASID || caller.ODS != a.token.ODS || !caller.Claimed {
					t.Errorf("caller %+v", caller)
				}
				if caller.Interaction.ID != a.header.Get("InteractionID") || caller.Certificate == "" || caller.Signed {
					t.Errorf("caller %+v", caller)
				}
			})
		}
	}
}

func TestCallerCarriesTheClaims(t *testing.T) {
	a := attempts["read"]()
	a.token.User, a.token.Patient, a.token.ID = "https://fhir.nhs.uk/Id/sds-role-profile-id|387429785309275", nhsNumber("9912003888"), "token-7"
	a.header.Set("Accept", "application/fhir+json")
	caller, err := testDoor(t, Strict).Enter(context.Background(), a.build())
	if err != nil {
		t.Fatal(err)
	}
	if caller.User != a.token.User || caller.Patient.Digits() != "9912003888" || caller.TokenID != "token-7" ||
		caller.Reason != "directcare" || caller.Scopes != jwt.ScopeRead || caller.Answer != (access.Media{Format: access.JSON, Type: "application/fhir+json"}) {
		t.Errorf("caller %+v", caller)
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", caller, caller, caller), "9912003888") {
		t.Error("the caller prints the patient's NHS number")
	}
}

// TestObservedProfile checks that the requests of
// NHSDigital/dtos-cohort-manager (NemsHttpClientFunction.cs) pass only under
// the profile observed: no organisation claim, toASID equal to fromASID, an
// hour of validity.
func TestObservedProfile(t *testing.T) {
	shapes := map[string]func(*attempt){
		"no organisation": func(a *attempt) { a.token.ODS = "" },
		"toASID":          func(a *attempt) { a.header.Set("toASID", string(a.token.ASID)) },
		"both": func(a *attempt) {
			a.token.ODS, a.token.Expires = "", now.Add(time.Hour)
			a.header.Set("toASID", string(a.token.ASID))
			a.header.Set("Content-Type", "application/fhir+json; charset=utf-8")
		},
	}
	for name, shape := range shapes {
		a := createRequest()
		shape(a)
		if _, err := testDoor(t, Strict).Enter(context.Background(), a.build()); err == nil {
			t.Errorf("%s: passes under strict", name)
		}
		caller, err := testDoor(t, Observed).Enter(context.Background(), a.build())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if caller.ODS != "RR8" || caller.Claimed != (a.token.ODS != "") {
			t.Errorf("%s: caller acts for %s, claimed %v", name, caller.ODS, caller.Claimed)
		}
		if caller.Answer != access.DefaultMedia {
			t.Errorf("%s: answers %v", name, caller.Answer)
		}
	}
}

// TestObservedProfileRefusesTheRest checks that the profile observed forgives nothing else.
func TestObservedProfileRefusesTheRest(t *testing.T) {
	forgiven := map[string]bool{
		"no organisation": true, "no organisation on publish": true, "toASID equal to fromASID": true,
	}
	door := testDoor(t, Observed)
	for _, row := range refusedRequests {
		a := attempts[row.from]()
		row.change(t, a)
		if _, err := door.Enter(context.Background(), a.build()); (err == nil) != forgiven[row.name] {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}

func TestDevMode(t *testing.T) {
	door := testDoor(t, Strict)
	door.AllowUnsigned = true
	a := createRequest()
	a.certificate = nil
	if _, err := door.Enter(context.Background(), a.build()); err != nil {
		t.Errorf("unsigned in dev mode: %v", err)
	}
	a = createRequest()
	a.certificate = []string{"gp.example.nhs.uk"}
	if _, err := door.Enter(context.Background(), a.build()); err == nil {
		t.Error("dev mode takes another system's certificate")
	}
	free := subscriber
	free.CertificateNames = nil
	door.Systems = registry{free.ASID: free}
	caller, err := door.Enter(context.Background(), a.build())
	if err != nil || caller.Certificate != "" {
		t.Errorf("a system without registered certificates in dev mode: %v, certificate %q", err, caller.Certificate)
	}
	door.AllowUnsigned = false
	if _, err := door.Enter(context.Background(), a.build()); err == nil {
		t.Error("outside dev mode a system without registered certificates gets in")
	}
}

type brokenRegistry struct{}

var errAway = errors.New("away")

func (brokenRegistry) System(context.Context, nhs.ASID) (Registration, bool, error) {
	return subscriber, true, errAway
}

type forgetfulRegistry struct{}

func (forgetfulRegistry) System(context.Context, nhs.ASID) (Registration, bool, error) {
	return subscriber, false, nil
}

func TestRegistryDecides(t *testing.T) {
	door := testDoor(t, Strict)
	door.Systems = brokenRegistry{}
	var refusal *refuse.Refusal
	if _, err := door.Enter(context.Background(), createRequest().build()); !errors.Is(err, errAway) || errors.As(err, &refusal) {
		t.Errorf("registry away: %v", err)
	}
	door.Systems = forgetfulRegistry{}
	if _, err := door.Enter(context.Background(), createRequest().build()); !errors.As(err, &refusal) || refusal.Code() != acf {
		t.Errorf("not found: %v", err)
	}
}

// TestRefusedCallerIsKnownToTheAudit checks that a refusal returns what the request said about its
// caller, for the audit.
func TestRefusedCallerIsKnownToTheAudit(t *testing.T) {
	a := createRequest()
	a.header.Set("toASID", "222222222222")
	caller, err := testDoor(t, Strict).Enter(context.Background(), a.build())
	if err == nil || caller.ASID != "200000000115" || caller.ODS != "RR8" || caller.Reason != "directcare" ||
		caller.Interaction.ID != access.CreateInteraction || caller.Certificate != "rr8.example.nhs.uk" {
		t.Errorf("%v, caller %+v", err, caller)
	}
	a = createRequest()
	a.header.Set("Accept", "text/html")
	if caller, err = testDoor(t, Strict).Enter(context.Background(), a.build()); err == nil || caller.ASID != "200000000115" || caller.Answer != access.DefaultMedia {
		t.Errorf("%v, caller %+v", err, caller)
	}
	a = createRequest()
	a.header.Set("Accept", "application/fhir+json")
	a.header.Set("Content-Type", "text/plain")
	if caller, err = testDoor(t, Strict).Enter(context.Background(), a.build()); err == nil || caller.Answer.Format != access.JSON {
		t.Errorf("%v, answered in %v", err, caller.Answer)
	}
}
