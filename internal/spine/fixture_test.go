package spine

import (
	"context"
	"crypto"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nems/internal/access"
	"nems/internal/jwt"
	"nems/internal/nhs"
)

const nemsASID nhs.ASID = "111111111111"

// now is the moment of every test.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// The systems of the tests.
var (
	subscriber = Registration{System: access.System{
		ASID: "200000000115", ODSCodes: []nhs.ODSCode{"RR8"}, CertificateNames: []string{"rr8.example.nhs.uk"},
		Interactions: []string{access.CreateInteraction, access.ReadInteraction, access.DeleteInteraction},
		Kinds:        []access.SubscriptionKind{access.Explicit}, EventTypes: []string{"vaccinations-1"}, Mailboxes: []string{"MAILBOX1234"},
	}}
	publisher = Registration{System: access.System{
		ASID: "300000000161", ODSCodes: []nhs.ODSCode{"A83627", "B86056"}, CertificateNames: []string{"gp.example.nhs.uk"},
		Interactions: []string{"urn:nhs:names:services:events:*"},
	}}
	revoked = Registration{System: access.System{
		ASID: "400000000100", ODSCodes: []nhs.ODSCode{"RR8"}, CertificateNames: []string{"old.example.nhs.uk"},
		Interactions: []string{"*"}, Revoked: true,
	}}
)

// registry is a Registry that uses a map.
type registry map[nhs.ASID]Registration

func (r registry) System(_ context.Context, asid nhs.ASID) (Registration, bool, error) {
	s, ok := r[asid]
	return s, ok, nil
}

// testDoor returns a production door: unsigned tokens need a certificate.
func testDoor(t testing.TB, p Profile) *Door {
	t.Helper()
	for _, s := range []Registration{subscriber, publisher, revoked} {
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
	}
	return &Door{
		NEMS: nemsASID, Profile: p, Now: func() time.Time { return now },
		Systems: registry{subscriber.ASID: subscriber, publisher.ASID: publisher, revoked.ASID: revoked},
	}
}

// testKeys registers public keys under the ids k1, k2, ...
func testKeys(t testing.TB, public ...crypto.PublicKey) Keys {
	t.Helper()
	var set jose.JSONWebKeySet
	for i, key := range public {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key, KeyID: string([]byte{'k', byte('1' + i)})})
	}
	data, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ParseKeys(data)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// attempt is a request under construction. It is correct in every respect until
// a test changes one thing.
type attempt struct {
	endpoint    Endpoint
	header      http.Header
	token       jwt.Token
	raw         string // replaces the token when it is set
	certificate []string
}

func newAttempt(e Endpoint, s Registration, interaction, scope string) *attempt {
	h := http.Header{}
	h.Set("fromASID", string(s.ASID))
	h.Set("toASID", string(nemsASID))
	h.Set("InteractionID", interaction)
	if e.hasBody() {
		h.Set("Content-Type", "application/fhir+xml")
	}
	return &attempt{endpoint: e, header: h, certificate: s.CertificateNames, token: jwt.Token{
		Issuer: "https://rr8.example.nhs.uk", Audience: "https://clinicals.spineservices.nhs.uk/STU3", Issued: now.Add(-time.Second),
		Reason: "directcare", Scope: scope, ASID: s.ASID, ODS: s.ODSCodes[0],
	}}
}

func createRequest() *attempt {
	return newAttempt(EndpointCreate, subscriber, access.CreateInteraction, jwt.ScopeWrite)
}

func publishRequest() *attempt {
	return newAttempt(EndpointPublish, publisher, access.PublishInteraction("Vaccinations"), jwt.ScopePublish)
}

func (a *attempt) build() Request {
	if a.raw == "" {
		a.raw = a.token.Unsigned()
	}
	if a.header["Authorization"] == nil {
		a.header.Set("Authorization", "Bearer "+a.raw)
	}
	return Request{Endpoint: a.endpoint, Header: a.header, Certificate: a.certificate}
}
