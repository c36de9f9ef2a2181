package spine

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"nems/internal/access"
	"nems/internal/refuse"
)

// FuzzToken checks that every token gets an answer, and that no answer repeats
// the token. If a token is accepted, a reader of plain JSON reads it in the
// same way.
func FuzzToken(f *testing.F) {
	for _, row := range refusedRequests {
		if a := attempts[row.from](); row.code == moih {
			row.change(&testing.T{}, a)
			a.build()
			f.Add(a.raw)
		}
	}
	f.Add(createRequest().token.Unsigned())
	f.Fuzz(func(t *testing.T, raw string) {
		parsed, refusal := parseToken(raw)
		reports, explained := Explain(raw, now, 0, Strict)
		if refusal != nil {
			if refusal.Status != 400 || refusal.Code() != moih || len(raw) > 40 && strings.Contains(refusal.Error(), raw) {
				t.Fatalf("%v", refusal)
			}
			return
		}
		if explained != nil || len(reports) == 0 {
			t.Fatalf("accepted, but not explained: %v", explained)
		}
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		var plain map[string]any
		if err := json.Unmarshal(payload, &plain); err != nil {
			t.Fatalf("accepted, but no JSON: %v", err)
		}
		for n, name := range claimNames {
			text, isText := plain[name].(string)
			if _, there := plain[name]; there != parsed.claims.given(claim(n)) || isText && text != parsed.claims[n].text {
				t.Fatalf("claim %s: read as %+v, plain JSON has %v", name, parsed.claims[n], plain[name])
			}
		}
	})
}

// FuzzHeaders checks that, whatever the headers, the caller is admitted with
// the identity that the headers name, or gets one of the listed answers.
func FuzzHeaders(f *testing.F) {
	a := createRequest()
	a.build()
	h := a.header
	f.Add(byte(EndpointCreate), h.Get("fromASID"), h.Get("toASID"), h.Get("Authorization"), h.Get("InteractionID"), h.Get("Content-Type"), "application/fhir+json;q=0.5, */*")
	f.Add(byte(EndpointPublish), "1", "", "Bearer a.b.", access.PublishInteraction("x"), "application/fhir+xml;charset=utf-8", `a/b;c="d,e"`)
	door := testDoor(f, Strict)
	f.Fuzz(func(t *testing.T, endpoint byte, from, to, authorization, interaction, contentType, accept string) {
		request := Request{Endpoint: Endpoint(endpoint%6 + 1), Certificate: subscriber.CertificateNames, Header: http.Header{
			"Fromasid": {from}, "Toasid": {to}, "Authorization": {authorization}, "Interactionid": {interaction},
			"Content-Type": {contentType}, "Accept": {accept},
		}}
		caller, err := door.Enter(context.Background(), request)
		if err == nil {
			if caller.ASID != subscriber.ASID || caller.ODS != "RR8" || strings.Trim(to, " \t") != string(nemsASID) {
				t.Fatalf("got in: %+v", caller)
			}
			return
		}
		var refusal *refuse.Refusal
		if !errors.As(err, &refusal) || len(refusal.Issues) != 1 {
			t.Fatalf("%v", err)
		}
		switch refusal.Status {
		case 400, 403, 415:
		default:
			t.Fatalf("status %d", refusal.Status)
		}
		if authorization != "" && len(authorization) > 60 && strings.Contains(refusal.Error(), authorization) {
			t.Fatalf("the answer repeats the token: %v", refusal)
		}
	})
}
