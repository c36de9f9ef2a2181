package assure_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"nems/internal/assure"
	"nems/internal/catalogue/example"
)

// client is a system that sends requests of its own.
type client func(ctx context.Context, url string) error

// Do implements assure.Driver.
func (c client) Do(ctx context.Context, s *assure.Step) error {
	_, after, _ := strings.Cut(s.Ask, "The service is at ")
	url, _, _ := strings.Cut(after, ". Go on")
	return c(context.WithoutCancel(ctx), url)
}

// Confirm implements assure.Driver.
func (client) Confirm(context.Context, *assure.Step) (*bool, error) { return nil, nil }

// requested runs the plan "requests" over what a client sends.
func requested(t *testing.T, d assure.Declared, c client) *assure.Report {
	t.Helper()
	s, _ := start(t, func(s *assure.Setting) { s.Declared = d })
	plan, err := assure.BuiltIn("requests")
	if err != nil {
		t.Fatal(err)
	}
	report, err := assure.Execute(t.Context(), s, assure.Options{Plan: plan, Declared: d, Driver: c, Wait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// unsigned is a token as these clients make it.
func unsigned(claims map[string]any) string {
	text, _ := json.Marshal(claims)
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + encode(text) + "."
}

// send sends a request and returns the answer's status and Location.
func send(ctx context.Context, method, url, body string, headers map[string]string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, answer.Header.Get("Location"), err
}

// TestCohortManager: the subscription that NHSDigital/dtos-cohort-manager makes, and its
// end. Facts from ManageNemsSubscription/NemsSubscriptionManager.cs and
// Shared/Common/NemsHttpClientFunction.cs: JSON, a token of one hour without
// organisation, the scope of writing for both.
func TestCohortManager(t *testing.T) {
	d := assure.Declared{Supplier: "NHS England", Product: "Cohort Manager", Events: []string{"pds-record-change-1"}, ASID: "200000000115", ODS: "RR8", Mailbox: "COHORT01"}
	report := requested(t, d, func(ctx context.Context, url string) error {
		token := unsigned(map[string]any{
			"iss": "https://nems.nhs.uk", "sub": "https://fhir.nhs.uk/Id/accredited-system|200000000115", "aud": url,
			"exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "reason_for_request": "directcare",
			"scope": "patient/Subscription.write", "requesting_system": "https://fhir.nhs.uk/Id/accredited-system|200000000115",
		})
		headers := func(interaction string) map[string]string {
			return map[string]string{
				"Authorization": "Bearer " + token, "fromASID": "200000000115", "toASID": "111111111111",
				"InteractionID": "urn:nhs:names:services:clinicals-sync:" + interaction,
			}
		}
		post := headers("SubscriptionsApiPost")
		post["Content-Type"] = "application/fhir+json; charset=utf-8"
		status, location, err := send(ctx, http.MethodPost, url+"/STU3/Subscription", `{"resourceType":"Subscription",
			"meta":{"lastUpdated":"2026-03-02T10:00:00.123+00:00","profile":["https://fhir.nhs.uk/STU3/StructureDefinition/EMS-Subscription-1"]},
			"status":"requested","contact":[{"system":"url","value":"https://directory.spineservices.nhs.uk/STU3/Organization/RR8","use":"work"}],
			"reason":"Subscribe to pds-record-change-1 events for patient",
			"criteria":"/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|9912003888&MessageHeader.event=pds-record-change-1",
			"channel":{"type":"message","endpoint":"COHORT01","payload":"application/fhir+json"}}`, post)
		if err != nil || status != http.StatusCreated {
			t.Errorf("subscribing: %d, %v", status, err)
		}
		id := location[strings.LastIndexByte(location, '/')+1:]
		status, _, err = send(ctx, http.MethodDelete, url+"/STU3/Subscription/"+id, "", headers("SubscriptionsApiDelete"))
		if err != nil || status >= 300 {
			t.Errorf("deleting: %d, %v", status, err)
		}
		return nil
	})
	if got := found(report); !slices.Equal(got, []string{"publisher/token-claims", "publisher/token-times"}) {
		t.Errorf("found %v\n%s", got, listed(report))
	}
	for _, x := range report.Exchanges {
		if x.Mended == "" {
			t.Errorf("exchange %d: expected that a NEMS refuses it", x.Number)
		}
	}
}

// TestGP2GPSubscription: the generic subscription that nhsconnect's repository of
// patient records made. Facts from its subscribe scripts: the token without "Bearer", of
// four claims, with bare ASIDs and a reason that there is not; a rule and an event type
// that there are not; no media type.
func TestGP2GPSubscription(t *testing.T) {
	d := assure.Declared{Supplier: "NHS Digital", Product: "GP2GP repository", Events: []string{"pds-change-of-gp-1"}, ASID: "200000000115", ODS: "RR8", Mailbox: "REPO01"}
	report := requested(t, d, func(ctx context.Context, url string) error {
		token := unsigned(map[string]any{
			"scope": "patient/Subscription.write", "sub": "200000000115", "requesting_system": "200000000115", "reason_for_request": "secondary-uses",
		})
		_, _, err := send(ctx, http.MethodPost, url+"/STU3/Subscription", `<Subscription xmlns="http://hl7.org/fhir">`+
			`<meta><profile value="https://fhir.nhs.uk/STU3/StructureDefinition/EMS-Subscription-1"/></meta><status value="requested"/>`+
			`<contact><system value="url"/><value value="https://directory.spineservices.nhs.uk/STU3/Organization/RR8"/><use value="work"/></contact>`+
			`<reason value="Transfers of records"/>`+
			`<criteria value="/Bundle?type=message&amp;subscriptionRuleType=HSS&amp;Organization.identifier=RR8&amp;MessageHeader.event=pds-change-gp-1"/>`+
			`<channel><type value="message"/><endpoint value="REPO01"/></channel></Subscription>`, map[string]string{
			"Authorization": token, "fromASID": "200000000115", "toASID": "111111111111", "InteractionID": "urn:nhs:names:services:clinicals-sync:SubscriptionsApiPost",
		})
		return err
	})
	want := []string{"publisher/create-criteria", "publisher/header-authorization", "publisher/token-claims", "publisher/token-reason", "publisher/token-system"}
	if got := found(report); !slices.Equal(got, want) {
		t.Errorf("found %v\n%s", got, listed(report))
	}
	missing := ""
	for _, f := range report.Findings {
		if f.Check == "publisher/token-claims" {
			missing += f.Text + "\n"
		}
	}
	for _, claim := range []string{"iss", "aud", "exp", "iat", "requesting_organisation"} {
		if !strings.Contains(missing, "JWT "+claim+" claim is missing") {
			t.Errorf("nothing says that %s is missing:\n%s", claim, missing)
		}
	}
}

// What has no end is passed on, and what operators use is not there.
func TestOtherPaths(t *testing.T) {
	report := requested(t, declared, func(ctx context.Context, url string) error {
		for path, want := range map[string]int{
			"/STU3/Subscription/0123456789abcdef0123456789abcdef/$stream": http.StatusNotFound,
			"/operator/v1/systems": http.StatusNotFound, "/console/": http.StatusNotFound,
			"/STU3/Nothing": http.StatusNotImplemented,
		} {
			headers := (&surgery{url: url}).plain("Vaccinations")
			headers["InteractionID"] = "urn:nhs:names:services:clinicals-sync:SubscriptionsApiGet"
			status, _, err := send(ctx, http.MethodGet, url+path, "", headers)
			if err != nil {
				return err
			}
			if status != want {
				t.Errorf("%s: %d; expected %d", path, status, want)
			}
		}
		return nil
	})
	if len(report.Exchanges) != 2 {
		t.Errorf("%d exchanges were recorded; expected those of /STU3", len(report.Exchanges))
	}
	for _, x := range report.Exchanges {
		if strings.HasSuffix(x.Path, "$stream") && (x.Instead != "passed on as it came" || x.Status == 0) {
			t.Errorf("the stream: %+v", x)
		}
	}
}

// With Strict a deviation is refused, as by any NEMS; without it the report says how.
func TestStrictRefuses(t *testing.T) {
	for strict, want := range map[bool]int{true: http.StatusBadRequest, false: http.StatusAccepted} {
		s, _ := start(t, func(s *assure.Setting) { s.Strict = strict })
		plan, err := assure.BuiltIn("requests")
		if err != nil {
			t.Fatal(err)
		}
		report, err := assure.Execute(t.Context(), s, assure.Options{Plan: plan, Declared: declared, Wait: time.Minute, Driver: client(func(ctx context.Context, url string) error {
			message, err := example.Message("vaccinations-1", "new", example.Patient{})
			if err != nil {
				return err
			}
			headers := (&surgery{url: url}).plain("Vaccinations")
			delete(headers, "toASID")
			_, _, err = send(ctx, http.MethodPost, url+"/STU3/Events/1/$process-message", string(message), headers)
			return err
		})})
		if err != nil {
			t.Fatal(err)
		}
		x := report.Exchanges[0]
		if x.Status != want || (x.Mended == "400 MISSING_OR_INVALID_HEADER") == strict || !slices.Equal(found(report), []string{"publisher/header-to-asid"}) {
			t.Errorf("strict %t: %d, mended %q\n%s", strict, x.Status, x.Mended, listed(report))
		}
	}
}
