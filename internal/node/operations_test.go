package node_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"nems/client/signed"
	"nems/internal/audit"
	"nems/internal/catalogue"
	"nems/internal/certs"
	"nems/internal/datafolder"
	"nems/internal/jwt"
	"nems/internal/nhs"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/spine"
	"nems/internal/store"
)

// TestRegistrationsAreFollowed revokes and reinstates a system while it calls: both are in
// force on this node at once.
func TestRegistrationsAreFollowed(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	ctx := t.Context()
	before, err := operator.ShowSystem.Do(ctx, p.operator, operator.SystemRef{ASID: nodetest.PublisherID})
	if err != nil {
		t.Fatal(err)
	}
	if err := operator.RevokeSystem.Run(ctx, p.operator, operator.SystemRef{ASID: nodetest.PublisherID}); err != nil {
		t.Fatal(err)
	}
	if code := p.code(p.publish()); code != "ASID_CHECK_FAILED" {
		t.Errorf("expected ASID_CHECK_FAILED; received %s", code)
	}
	if err := operator.PutSystems.Run(ctx, p.operator, []spine.Registration{before}); err != nil {
		t.Fatal(err)
	}
	if a := p.publish(); a.Status != 202 {
		t.Errorf("reinstated: expected 202; received %d", a.Status)
	}
	if err := operator.RevokeSystem.Run(ctx, p.operator, operator.SystemRef{ASID: "999999999999"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("revoking an unknown system: expected %v; received %v", store.ErrNotFound, err)
	}
}

// registerKey registers a new key for a system; signedPublish signs with it.
func (p *production) registerKey(asid nhs.ASID) {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	s, err := operator.ShowSystem.Do(p.t.Context(), p.operator, operator.SystemRef{ASID: asid})
	if err != nil {
		p.t.Fatal(err)
	}
	jwk, err := json.Marshal(jose.JSONWebKey{Key: &key.PublicKey})
	if err != nil {
		p.t.Fatal(err)
	}
	if s.Keys, err = spine.ParseKeys(jwk); err != nil {
		p.t.Fatal(err)
	}
	if err := operator.PutSystems.Run(p.t.Context(), p.operator, []spine.Registration{s}); err != nil {
		p.t.Fatal(err)
	}
	p.key = key
}

// signedPublish returns a publish of the publisher with a signed token.
func (p *production) signedPublish() *nodetest.Request {
	p.t.Helper()
	signed, err := signed.With(p.key, "")(p.Token(nodetest.PublisherID, "A83627", jwt.ScopePublish).Payload())
	if err != nil {
		p.t.Fatal(err)
	}
	return p.PublishRequest(nodetest.Message(p.t, "vaccinations-1", "new", nodetest.Jack)).Set("Authorization", "Bearer "+signed)
}

// TestSignedTokens checks that a system is admitted by its key, but only with its own certificate.
func TestSignedTokens(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	p.registerKey(nodetest.PublisherID)
	publish := func() nodetest.Answer { return p.Send(p.signedPublish()) }
	p.eventually("the key is registered", func() bool { return publish().Status == 202 })
	p.HTTP = p.caller(p.client(leedsName))
	if a := publish(); a.Status != 403 {
		t.Errorf("a signed token behind another system's certificate: expected 403; received %d", a.Status)
	}
}

// TestLifeCyclesAreFollowed moves an event type through its life cycle while it
// is published.
func TestLifeCyclesAreFollowed(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	set := func(state catalogue.State) {
		t.Helper()
		life := operator.LifeCycle{State: state, Deprecated: "2026-03-31", Withdrawn: "2027-03-31", URL: "https://nems.example.nhs.uk/changes"}
		if err := operator.SetLifeCycle.Run(t.Context(), p.operator, operator.LifeCycleOf{Code: "vaccinations-1", LifeCycle: life}); err != nil {
			t.Fatal(err)
		}
	}
	set(catalogue.Withdrawn)
	p.eventually("withdrawn", func() bool { return p.publish().Status == 422 })
	if code := p.code(p.publish()); code != "NO_LONGER_SUPPORTED" {
		t.Errorf("expected NO_LONGER_SUPPORTED; received %s", code)
	}
	set(catalogue.Deprecated)
	p.eventually("deprecated", func() bool { return p.publish().Status == 202 })
	const says = "will occur on 31/03/2026, for more information go to https://nems.example.nhs.uk/changes"
	if a := p.publish(); p.code(a) != "DEPRECATED" || !strings.Contains(string(a.Body), says) {
		t.Errorf("expected DEPRECATED, %s; received %s", says, a.Body)
	}
	types, err := operator.All(t.Context(), p.operator, operator.ListEventTypes, operator.Paging{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range types {
		if e.Code == "vaccinations-1" && (e.State != catalogue.Deprecated || e.Withdrawn != "2027-03-31") {
			t.Errorf("the list shows %+v", e.LifeCycle)
		}
	}
}

// TestOperatorsShowTheirToken calls the operators' API without the token, and
// looks for the token in places where it must not be.
func TestOperatorsShowTheirToken(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	for _, token := range []string{"", "wrong", p.operator.Token + "x"} {
		stranger := &operator.Client{Access: operator.Access{URL: p.operator.URL, Token: token}, HTTP: p.operator.HTTP}
		if systems, err := operator.All(t.Context(), stranger, operator.ListSystems, operator.Paging{}); err == nil {
			t.Errorf("token %q: received %d systems", token, len(systems))
		}
	}
	insider := &operator.Client{Access: operator.Access{URL: p.URL, Token: p.operator.Token}, HTTP: p.HTTP}
	if _, err := operator.All(t.Context(), insider, operator.ListSystems, operator.Paging{}); err == nil {
		t.Error("the FHIR listener answers operators")
	}
	if strings.Contains(p.Log.String(), p.operator.Token) {
		t.Error("the token is in the log")
	}
	info, err := os.Stat(filepath.Join(p.Config.Data, "operator.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("operator.json: %v, %v", info.Mode(), err)
	}
	p.Stop()
	if _, err := operator.ReadAccess(p.Config.Data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the end: %v", err)
	}
}

// TestProxyHandsOverCertificates checks that only the header of the named proxy
// is believed.
func TestProxyHandsOverCertificates(t *testing.T) {
	t.Parallel()
	p := bootProduction(t, func(c *node.Config) { c.FHIR.ProxyName = proxyName })
	publisher, leeds, proxy := p.client(publisherName), p.client(leedsName), p.client(proxyName)
	stranger, err := newAuthority(t, "Issuer").Client(publisherName, nodetest.Start, yearLong)
	if err != nil {
		t.Fatal(err)
	}
	rfc9440 := func(pair certs.Pair) string {
		return ":" + base64.StdEncoding.EncodeToString(pair.Certificate.Raw) + ":"
	}
	for _, c := range []struct {
		name   string
		caller certs.Pair
		header string
		status int
	}{
		{"RFC 9440", proxy, rfc9440(publisher), 202},
		{"PEM in percent encoding", proxy, url.PathEscape(string(pemOf(t, publisher))), 202},
		{"of another system", proxy, rfc9440(leeds), 403},
		{"of another issuer", proxy, rfc9440(stranger), 400},
		{"not a certificate", proxy, ":AAAA:", 400},
		{"no header", proxy, "", 400},
		{"from the system itself", publisher, "", 202},
		{"from a system that is no proxy", leeds, rfc9440(publisher), 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.HTTP = p.caller(c.caller)
			r := p.PublishRequest(nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
			if c.header != "" {
				r.Set("Client-Cert", c.header)
			}
			if a := p.Send(r); a.Status != c.status {
				t.Errorf("expected %d; received %d %s", c.status, a.Status, a.Body)
			}
		})
	}
	p.HTTP = p.caller(proxy)
	// A valid token of a registered key does not replace a certificate.
	p.registerKey(nodetest.PublisherID)
	p.eventually("a signed token alone is refused", func() bool {
		a := p.Send(p.signedPublish())
		return a.Status == 403 && p.code(a) == "ACCESS_DENIED"
	})
	p.eventually("with the certificate it passes", func() bool {
		return p.Send(p.signedPublish().Set("Client-Cert", rfc9440(publisher))).Status == 202
	})
	p.revoke(publisher)
	r := p.PublishRequest(nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)).Set("Client-Cert", rfc9440(publisher))
	p.eventually("a revoked one is refused", func() bool { return p.Send(r).Status == 400 })

	// Both sides learn the reason.
	for reason, headers := range map[string][]string{
		"revoked": {rfc9440(publisher)}, "unknown issuer": {rfc9440(stranger)}, "malformed": {":AAAA:"}, "given more than once": {rfc9440(leeds), rfc9440(leeds)},
	} {
		r := p.signedPublish()
		for _, h := range headers {
			r.Header.Add("Client-Cert", h)
		}
		if a := p.Send(r); a.Status != 403 || !strings.Contains(string(a.Body), "not accepted ("+reason+")") {
			t.Errorf("%s: %d %s", reason, a.Status, a.Body)
		}
		if line := `nems_tls_refused_total{listener="fhir",reason="` + reason + `"}`; !strings.Contains(p.metrics(), line) {
			t.Errorf("the metrics have no %s", line)
		}
		if !strings.Contains(p.Log.String(), "reason="+reason) && !strings.Contains(p.Log.String(), `reason="`+reason+`"`) {
			t.Errorf("the log has no %s", reason)
		}
	}
}

// TestHandshakesAndCertificatesAreShown causes refusals, renews files and
// breaks them, and checks that operators see all of it.
func TestHandshakesAndCertificatesAreShown(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	shows := func(line string) {
		t.Helper()
		p.eventually(line, func() bool { return strings.Contains(p.metrics(), line) })
	}
	shows(`nems_certificate_expiry_timestamp_seconds{certificate="own",listener="fhir"}`)
	shows(`nems_certificate_expiry_timestamp_seconds{certificate="issuers",listener="mesh"}`)
	stranger, err := newAuthority(t, "Stranger").Client(publisherName, nodetest.Start, yearLong)
	if err != nil {
		t.Fatal(err)
	}
	expired, err := p.authority.Client(publisherName, nodetest.Start.Add(-2*yearLong), yearLong)
	if err != nil {
		t.Fatal(err)
	}
	revoked := p.client(publisherName)
	p.revoke(revoked)
	for reason, pair := range map[string]*certs.Pair{"no certificate": nil, "unknown issuer": &stranger, "expired": &expired, "revoked": &revoked} {
		transport := p.transport(pair)
		if pair != nil { // even if the server says that it does not know the issuer
			c := pair.TLS()
			transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }
		}
		p.HTTP = &http.Client{Transport: transport}
		p.eventually(reason, p.refusedByTLS)
		shows(`nems_tls_refused_total{listener="fhir",reason="` + reason + `"}`)
		if !strings.Contains(p.Log.String(), `reason="`+reason+`"`) && !strings.Contains(p.Log.String(), "reason="+reason) {
			t.Errorf("%s: not in the log", reason)
		}
	}
	shows(`nems_certificate_reloads_total{file="client",listener="fhir",outcome="taken"}`)
	p.write("server.key", []byte("no key"))
	shows(`nems_certificate_reloads_total{file="own",listener="fhir",outcome="refused"}`)
}

// TestHeaderOfAProxyIsIgnored sends the header to a listener without a configured proxy.
func TestHeaderOfAProxyIsIgnored(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	p.HTTP = p.caller(p.client(proxyName))
	r := p.PublishRequest(nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	r.Set("Client-Cert", ":"+base64.StdEncoding.EncodeToString(p.client(publisherName).Certificate.Raw)+":")
	if a := p.Send(r); a.Status != 403 || p.code(a) != "ACCESS_DENIED" {
		t.Errorf("expected 403 ACCESS_DENIED; received %d %s", a.Status, a.Body)
	}
}

// TestAuditOfAService reads, exports and verifies what a service recorded.
func TestAuditOfAService(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	ctx := context.Background()
	p.HTTP = p.caller(p.client(leedsName))
	if a := p.publish(); a.Status != 403 {
		t.Fatalf("expected 403; received %d", a.Status)
	}
	find := func(f operator.Filter) (found []operator.Record) {
		t.Helper()
		for r, err := range operator.Each(ctx, p.operator, operator.SearchAudit, operator.Matching(f)) {
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, r)
		}
		return found
	}
	p.eventually("the refusal is recorded", func() bool {
		return len(find(operator.Filter{Action: "publish", Outcome: "ACCESS_DENIED", ASID: nodetest.PublisherID})) == 1
	})
	published := find(operator.Filter{Patient: nodetest.Jack, Action: "publish", Outcome: "ok"})
	if len(published) == 0 || published[0].Certificate != publisherName || published[0].Patient != nodetest.Jack {
		t.Errorf("publishes about the patient: %+v", published)
	}
	p.eventually("that somebody looked at the patient is recorded", func() bool {
		looked := find(operator.Filter{Patient: nodetest.Jack, Action: "audit-read"})
		return len(looked) > 0 && looked[0].User == "tester"
	})
	if last := find(operator.Filter{Action: "system-put", Newest: true}); len(last) == 0 || last[0].ASID != nodetest.NationalID {
		t.Errorf("the last registration: %+v", last)
	}
	var export bytes.Buffer
	for line, err := range operator.Each(ctx, p.operator, operator.ExportChain, operator.Matching(operator.ChainFilter{From: time.Time{}, To: time.Time{}})) {
		if err != nil {
			t.Fatal(err)
		}
		if err := json.NewEncoder(&export).Encode(line); err != nil {
			t.Fatal(err)
		}
	}
	if report, err := audit.Verify(operator.ReadChain(&export), nil); err != nil || report.Found != 0 || report.Entries < 6 {
		t.Errorf("the export: %+v, %v", report, err)
	}
	p.Stop()
	key, err := operator.ReadAuditPublicKey(p.path("audit.key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(filepath.Join(p.Config.Data, "audit.checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	checkpoints, err := audit.ReadCheckpoints(file, key)
	if err != nil {
		t.Fatal(err)
	}
	report, err := audit.Verify(datafolder.AuditLinks(ctx, p.Config.Data, ""), checkpoints)
	if err != nil || report.Found != 0 || report.Vouched.Before(nodetest.Start) {
		t.Errorf("the database: %+v, %v", report, err)
	}
}
