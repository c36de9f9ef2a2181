package node_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"nems/client"
	"nems/internal/access"
	"nems/internal/certs"
	"nems/internal/nhs"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/spine"
)

// The names in the certificates of the systems that call the production world.
const (
	publisherName = "publisher.example.nhs.uk"
	leedsName     = "leeds.example.nhs.uk"
	nationalName  = "national.example.nhs.uk"
	proxyName     = "proxy.example.nhs.uk"
	meshKey       = "the key of this MESH"
	boxPassword   = "the password of this mailbox"
)

const yearLong = 365 * 24 * time.Hour

// production is a NEMS with the listeners of production, and the authority
// whose client certificates it accepts.
type production struct {
	*nodetest.Server
	t         *testing.T
	folder    string
	authority *certs.Authority
	operator  *operator.Client
	mesh      string            // address of the MESH listener
	key       *ecdsa.PrivateKey // of registerKey
}

// bootProduction starts it with three systems and a mailbox registered.
func bootProduction(t *testing.T, change ...func(*node.Config)) *production {
	t.Helper()
	p := &production{t: t, folder: t.TempDir(), authority: newAuthority(t, "Issuer")}
	p.write("ca.pem", pemOf(t, p.authority.Pair))
	p.serverCertificate()
	p.revoke()
	if err := operator.MakeAuditKey(p.path("audit.key")); err != nil {
		t.Fatal(err)
	}
	p.Server = nodetest.Boot(t, func(c *node.Config) {
		mutual := node.Listener{
			Listen: "127.0.0.1:0", Cert: p.path("server.pem"), Key: p.path("server.key"),
			ClientCA: p.path("ca.pem"), ClientCRL: p.path("crl.pem"), ProxyHeader: "Client-Cert",
		}
		c.Dev, c.Listen, c.FHIR, c.MESH = false, "", mutual, mutual
		c.Operations.Listen = "127.0.0.1:0"
		c.MESHSharedKey, c.UnknownPatients, c.AuditKey = meshKey, "accept", p.path("audit.key")
		c.ReadyWithout = []string{"organisations", "postcodes"} // nothing was imported
		for _, f := range change {
			f(c)
		}
	})
	access, err := operator.ReadAccess(p.Config.Data)
	if err != nil {
		t.Fatal(err)
	}
	var shown *certs.Pair
	if p.Config.Operations.ClientCA != "" {
		shown = new(p.client("operator.example.nhs.uk"))
	}
	p.operator = &operator.Client{Access: access, User: "tester", HTTP: &http.Client{Transport: p.transport(shown)}}
	p.mesh = regexp.MustCompile(`listener=mesh address=(\S+)`).FindStringSubmatch(p.Log.String())[1]
	p.register()
	return p
}

// register adds the systems and the mailbox, and waits until the node knows them.
func (p *production) register() {
	p.t.Helper()
	ctx := context.Background()
	system := func(asid, ods, name, interactions string) spine.Registration {
		return spine.Registration{System: access.System{
			ASID: nhs.ASID(asid), ODSCodes: []nhs.ODSCode{nhs.ODSCode(ods)}, CertificateNames: []string{name},
			Interactions: []string{"urn:nhs:names:services:" + interactions}, Mailboxes: []string{"*"},
			Kinds: []access.SubscriptionKind{access.Explicit},
		}}
	}
	err := operator.PutMailboxes.Run(ctx, p.operator, []operator.Mailbox{{ID: nodetest.LeedsBox, ODS: "RR8", Password: boxPassword}})
	if err == nil {
		err = operator.PutSystems.Run(ctx, p.operator, []spine.Registration{
			system(nodetest.PublisherID, "A83627", publisherName, "events:*"),
			system(nodetest.LeedsID, "RR8", leedsName, "clinicals-sync:*"),
			system(nodetest.NationalID, "X26", nationalName, "clinicals-sync:*"),
		})
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.HTTP = p.caller(p.client(publisherName))
	p.eventually("the systems are registered", func() bool { return p.publish().Status == 202 })
}

func newAuthority(t *testing.T, name string) *certs.Authority {
	t.Helper()
	a, err := certs.NewAuthority(name, nodetest.Start, yearLong)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func pemOf(t *testing.T, pair certs.Pair) []byte {
	t.Helper()
	c, _, err := pair.PEM()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (p *production) path(name string) string { return filepath.Join(p.folder, name) }

// write replaces a file in one step, as certificate tools do.
func (p *production) write(name string, data []byte) {
	p.t.Helper()
	err := os.WriteFile(p.path(name+".new"), data, 0o600)
	if err == nil {
		err = os.Rename(p.path(name+".new"), p.path(name))
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// serverCertificate gives the listeners a new certificate and returns its
// serial number.
func (p *production) serverCertificate() *big.Int {
	p.t.Helper()
	pair, err := p.authority.Server(nodetest.Start, yearLong, "127.0.0.1")
	if err != nil {
		p.t.Fatal(err)
	}
	c, k, err := pair.PEM()
	if err != nil {
		p.t.Fatal(err)
	}
	p.write("server.key", k)
	p.write("server.pem", c)
	return pair.Certificate.SerialNumber
}

// client issues a client certificate.
func (p *production) client(name string) certs.Pair {
	p.t.Helper()
	pair, err := p.authority.Client(name, nodetest.Start, 30*24*time.Hour)
	if err != nil {
		p.t.Fatal(err)
	}
	return pair
}

// revoke writes a new revocation list.
func (p *production) revoke(pairs ...certs.Pair) {
	p.t.Helper()
	var serials []*big.Int
	for _, pair := range pairs {
		serials = append(serials, pair.Certificate.SerialNumber)
	}
	list, err := p.authority.Revocations(nodetest.Start, yearLong, serials...)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write("crl.pem", list)
}

// caller returns an HTTP client with a client certificate.
func (p *production) caller(pair certs.Pair) *http.Client {
	return &http.Client{Transport: p.transport(&pair), Timeout: time.Minute}
}

func (p *production) transport(pair *certs.Pair) *http.Transport {
	roots := x509.NewCertPool()
	roots.AddCert(p.authority.Certificate)
	config := &tls.Config{RootCAs: roots}
	if p.Server != nil {
		config.Time = p.Clock.Now
	}
	if pair != nil {
		config.Certificates = []tls.Certificate{pair.TLS()}
	}
	transport := &http.Transport{TLSClientConfig: config}
	p.t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// publish sends a message with the present client.
func (p *production) publish() nodetest.Answer {
	p.t.Helper()
	return p.Send(p.PublishRequest(nodetest.Message(p.t, "vaccinations-1", "new", nodetest.Jack)))
}

// refusedByTLS reports whether a publish gets no answer at all.
func (p *production) refusedByTLS() bool {
	p.t.Helper()
	_, err := p.Try(p.PublishRequest(nodetest.Message(p.t, "vaccinations-1", "new", nodetest.Jack)))
	return err != nil
}

// eventually is Eventually.
func (p *production) eventually(what string, so func() bool) { p.t.Helper(); p.Eventually(what, so) }

// metrics returns the metrics on the operations listener.
func (p *production) metrics() string {
	p.t.Helper()
	response, err := p.operator.HTTP.Get(p.operator.URL + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// code returns the Spine code of a refusal.
func (p *production) code(a nodetest.Answer) string {
	p.t.Helper()
	o, err := a.Outcome()
	if err != nil {
		p.t.Fatal(err)
	}
	return o.Issues[0].Code
}

// TestCertificatesAreNeeded presents all kinds of certificates to the
// production listener. Those that are refused during the handshake get no
// answer.
func TestCertificatesAreNeeded(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	revoked := p.client(publisherName)
	p.revoke(revoked)
	expired, err := p.authority.Client(publisherName, nodetest.Start.Add(-48*time.Hour), 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := newAuthority(t, "Issuer").Client(publisherName, nodetest.Start, yearLong)
	if err != nil {
		t.Fatal(err)
	}
	server, err := p.authority.Server(nodetest.Start, yearLong, publisherName)
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string]*certs.Pair{
		"none": nil, "revoked": &revoked, "expired": &expired, "of another issuer of the same name": &stranger, "of a server": &server,
	} {
		t.Run(name, func(t *testing.T) {
			p.HTTP = &http.Client{Transport: p.transport(pair)}
			p.eventually("refused", p.refusedByTLS)
		})
	}
	for name, want := range map[string]string{leedsName: "ACCESS_DENIED", "unknown.example.nhs.uk": "ACCESS_DENIED"} {
		t.Run("of "+name, func(t *testing.T) {
			p.HTTP = p.caller(p.client(name))
			if a := p.publish(); a.Status != 403 || p.code(a) != want {
				t.Errorf("expected 403 %s; received %d %s", want, a.Status, a.Body)
			}
		})
	}
	t.Run("the right one", func(t *testing.T) {
		p.HTTP = p.caller(p.client(strings.ToUpper(publisherName)))
		if a := p.publish(); a.Status != 202 {
			t.Errorf("expected 202; received %d %s", a.Status, a.Body)
		}
	})
	t.Run("TLS 1.2", func(t *testing.T) {
		transport := p.transport(new(p.client(publisherName)))
		transport.TLSClientConfig.MaxVersion = tls.VersionTLS12
		p.HTTP = &http.Client{Transport: transport}
		if a := p.publish(); a.Status != 202 {
			t.Errorf("expected 202; received %d %s", a.Status, a.Body)
		}
		transport = p.transport(new(p.client(publisherName)))
		transport.TLSClientConfig.MinVersion, transport.TLSClientConfig.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
		p.HTTP = &http.Client{Transport: transport}
		if !p.refusedByTLS() {
			t.Error("TLS 1.1 is accepted")
		}
	})
}

// TestCertificatesAreWatched changes files while a connection stays open.
func TestCertificatesAreWatched(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	t.Run("revocation", func(t *testing.T) {
		pair := p.client(publisherName)
		p.HTTP = p.caller(pair)
		if a := p.publish(); a.Status != 202 {
			t.Fatalf("before: %d %s", a.Status, a.Body)
		}
		p.revoke(pair)
		p.eventually("refused on the open connection and on new ones", p.refusedByTLS)
	})
	t.Run("a broken list leaves the last one in force", func(t *testing.T) {
		p.write("crl.pem", []byte("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"))
		p.eventually("logged", func() bool { return strings.Contains(p.Log.String(), "the last ones stay in force") })
		if !p.refusedByTLS() {
			t.Error("a revoked certificate is accepted")
		}
		p.revoke()
		p.eventually("the next list is taken up", func() bool { return !p.refusedByTLS() })
	})
	t.Run("server certificate", func(t *testing.T) {
		serial := p.serverCertificate()
		connection, err := tls.Dial("tcp", strings.TrimPrefix(p.URL, "https://"), p.HTTP.Transport.(*http.Transport).TLSClientConfig)
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		if got := connection.ConnectionState().PeerCertificates[0].SerialNumber; got.Cmp(serial) != 0 {
			t.Errorf("expected the certificate %x; received %x", serial, got)
		}
	})
	t.Run("issuers", func(t *testing.T) {
		other := newAuthority(t, "Another issuer")
		pair, err := other.Client(publisherName, nodetest.Start, yearLong)
		if err != nil {
			t.Fatal(err)
		}
		p.write("ca.pem", append(pemOf(t, p.authority.Pair), pemOf(t, other.Pair)...))
		p.HTTP = p.caller(pair)
		p.eventually("the new issuer is accepted", func() bool { return !p.refusedByTLS() })
		p.write("ca.pem", pemOf(t, p.authority.Pair))
		p.eventually("it is no longer", p.refusedByTLS)
	})
	t.Run("expiry on an open connection", func(t *testing.T) {
		p.HTTP = p.caller(p.client(publisherName))
		if a := p.publish(); a.Status != 202 {
			t.Fatalf("before: %d %s", a.Status, a.Body)
		}
		p.Clock.Set(nodetest.Start.Add(31 * 24 * time.Hour))
		if !p.refusedByTLS() {
			t.Error("an expired certificate is accepted")
		}
	})
	t.Run("an expired list is reported", func(t *testing.T) {
		p.Clock.Set(nodetest.Start.Add(yearLong + time.Hour))
		p.eventually("logged", func() bool { return strings.Contains(p.Log.String(), "a revocation list has expired") })
		want := fmt.Sprintf(`nems_revocation_list_expiry_timestamp_seconds{listener="fhir"} %g`, float64(nodetest.Start.Add(yearLong).Unix()))
		if metrics := p.metrics(); !strings.Contains(metrics, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	})
}

// TestMailboxesNeedTheirCertificate collects with the right password and the
// wrong certificate.
func TestMailboxesNeedTheirCertificate(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	for name, allowed := range map[string]bool{leedsName: true, nationalName: false, publisherName: false, "unknown.example.nhs.uk": false} {
		box, err := client.NewMailbox(client.MailboxConfig{
			URL: p.mesh, ID: nodetest.LeedsBox, Password: boxPassword, SharedKey: meshKey, HTTP: p.caller(p.client(name)), Now: p.Clock.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := box.Handshake(t.Context()); (err == nil) != allowed {
			t.Errorf("%s: allowed %t, received %v", name, allowed, err)
		}
	}
}
