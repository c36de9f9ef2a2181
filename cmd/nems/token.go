package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nems/client/signed"
	"nems/internal/jwt"
	"nems/internal/nhs"
	"nems/internal/spine"
)

// tokenCmd writes and explains the tokens (JWT) that callers send.
type tokenCmd struct {
	Make    makeToken    `cmd:"" default:"withargs" help:"Print a token with the claims of the flags (the default)."`
	Explain explainToken `cmd:"" help:"Explain a pasted token claim by claim: what is right and what to change."`
}

type makeToken struct {
	ASID     string        `name:"asid" env:"-" help:"requesting_system: ASID of the caller; default: a system of the dev world that may call the endpoint."`
	ODS      string        `name:"ods" env:"-" help:"requesting_organisation: ODS code that it acts for; default: that of the dev world's system."`
	Endpoint string        `enum:"publish,create,read,delete" default:"create" env:"-" help:"What the token is for, which gives its scope: publish, create, read or delete."`
	Scope    string        `env:"-" help:"Scope, if it differs from the endpoint's."`
	Reason   string        `default:"directcare" env:"-" help:"reason_for_request: directcare, secondaryuses or patientaccess."`
	Issuer   string        `default:"https://localhost" env:"-" help:"iss: address of the caller."`
	Audience string        `default:"http://localhost:8880" env:"-" help:"aud: address of the NEMS."`
	UserID   string        `name:"user-id" env:"-" help:"requesting_user, as system|value."`
	Patient  string        `env:"-" help:"requesting_patient: an NHS number."`
	ID       string        `name:"jti" env:"-" help:"jti: id of the token."`
	Lifetime time.Duration `default:"5m" env:"-" help:"How long it is valid."`
	Key      string        `type:"path" env:"-" help:"Sign with this private key (PEM or JWK): RS512 for RSA, ES256 for P-256; default: unsigned."`
	KeyID    string        `name:"kid" env:"-" help:"Id of the key, as registered."`
}

// scopes are the scopes of the endpoints.
var scopes = map[string]string{
	"publish": jwt.ScopePublish, "create": jwt.ScopeWrite, "read": jwt.ScopeRead, "delete": jwt.ScopeWrite,
}

// devCallers are the systems of the dev world that may call each endpoint.
var devCallers = map[string]struct{ asid, ods string }{
	"publish": {"300000000161", "A83627"}, "create": {"200000000115", "RR8"}, "read": {"200000000115", "RR8"}, "delete": {"200000000115", "RR8"},
}

// Run prints the token and nothing else.
func (m *makeToken) Run() error {
	m.ASID, m.ODS = cmp.Or(m.ASID, devCallers[m.Endpoint].asid), cmp.Or(m.ODS, devCallers[m.Endpoint].ods)
	t := jwt.Token{
		Issuer: m.Issuer, Audience: m.Audience, Issued: time.Now(), Reason: m.Reason, Scope: m.Scope,
		ASID: nhs.ASID(m.ASID), ODS: nhs.ODSCode(m.ODS), User: m.UserID, ID: m.ID,
	}
	t.Expires = t.Issued.Add(m.Lifetime)
	if t.Scope == "" {
		t.Scope = scopes[m.Endpoint]
	}
	if m.Patient != "" {
		var err error
		if t.Patient, err = nhs.ParseNHSNumber(m.Patient); err != nil {
			return fmt.Errorf("--patient: %w", err)
		}
	}
	token := t.Unsigned()
	if m.Key != "" {
		key, err := readSigningKey(m.Key)
		if err != nil {
			return err
		}
		if token, err = signed.With(key, m.KeyID)(t.Payload()); err != nil {
			return err
		}
	}
	fmt.Fprintln(stdout(), token)
	return nil
}

// readSigningKey reads a private key: PEM (PKCS#8, PKCS#1 or SEC 1) or a JWK.
func readSigningKey(path string) (any, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		var jwk jose.JSONWebKey
		if err := json.Unmarshal(data, &jwk); err != nil || jwk.IsPublic() {
			return nil, fmt.Errorf("%s contains no private key in PEM or as a JWK", path)
		}
		return jwk.Key, nil
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	return nil, fmt.Errorf("%s contains no RSA or EC private key", path)
}

type explainToken struct {
	Token    string `arg:"" default:"-" help:"The token, or a whole Authorization header; - reads it from standard input."`
	Endpoint string `enum:"any,publish,create,read,delete,search,batch" default:"any" env:"-" help:"Check it as if it were sent to this endpoint: publish, create, read, delete, search or batch."`
	Profile  string `enum:"strict,observed" default:"strict" env:"-" help:"strict or observed, as for nems serve."`
	formatted
}

var endpoints = map[string]spine.Endpoint{
	"publish": spine.EndpointPublish, "create": spine.EndpointCreate, "read": spine.EndpointRead,
	"delete": spine.EndpointDelete, "search": spine.EndpointSearch, "batch": spine.EndpointBatch,
}

// Run prints a line for each claim and fails when the token would be refused.
func (e *explainToken) Run(context.Context) error {
	token := e.Token
	if token == "-" {
		pasted, err := readFile("-")
		if err != nil {
			return err
		}
		token = string(pasted)
	}
	profile := spine.Strict
	if e.Profile == "observed" {
		profile = spine.Observed
	}
	reports, refusal := spine.Explain(token, time.Now(), endpoints[e.Endpoint], profile)
	wrong := refusal != nil
	var rows [][]string
	for _, r := range reports {
		verdict := "ok"
		switch {
		case r.Problem != "":
			verdict, wrong = r.Problem, true
		case r.Ignored:
			verdict = "ignored"
		}
		rows = append(rows, []string{r.Part, r.Claim, orDash(r.Value), verdict})
	}
	if err := e.print(reports, "PART CLAIM VALUE VERDICT", rows); err != nil {
		return err
	}
	if refusal != nil {
		return errors.New(refusal.Issues[0].Diagnostics)
	}
	if wrong {
		return errFailed
	}
	return nil
}
