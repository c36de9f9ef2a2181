package node_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"nems/internal/datafolder"
	"nems/internal/directory"
	"nems/internal/directory/devworld"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/store"
)

// gate is a proxy in front of a NEMS that serves as the MESH. It requires a
// client certificate, and refuses everything while it is shut.
func gate(t *testing.T, behind string) (at string, authority string, certificate [2]string, shut *atomic.Bool) {
	t.Helper()
	folder, issuer := t.TempDir(), newAuthority(t, "MESH")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ca, caKey := filepath.Join(folder, "ca.pem"), filepath.Join(folder, "ca.key")
	must(issuer.WriteFiles(ca, caKey))
	ours, err := issuer.Client("nems.example.nhs.uk", nodetest.Start, yearLong)
	must(err)
	certificate = [2]string{filepath.Join(folder, "client.pem"), filepath.Join(folder, "client.key")}
	must(ours.WriteFiles(certificate[0], certificate[1]))
	theirs, err := issuer.Server(nodetest.Start, yearLong, "127.0.0.1")
	must(err)
	target, err := url.Parse(behind)
	must(err)
	shut = &atomic.Bool{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if shut.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	issuers := x509.NewCertPool()
	issuers.AddCert(issuer.Certificate)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{theirs.TLS()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: issuers,
		Time: func() time.Time { return nodetest.Start }}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, ca, certificate, shut
}

// TestRemoteMESH delivers through another NEMS as the MESH, over mutual TLS. The
// copy must arrive unchanged, and must not be sent after its patient has been
// flagged.
func TestRemoteMESH(t *testing.T) {
	there := nodetest.Boot(t)
	at, ca, certificate, shut := gate(t, there.URL)
	shut.Store(true)
	here := nodetest.Boot(t, func(c *node.Config) {
		c.RemoteMESH = node.RemoteMESH{URL: at, CA: ca, Cert: certificate[0], Key: certificate[1],
			SharedKey: devworld.SharedKey, Password: devworld.Password}
	})
	ctx := context.Background()
	access, err := operator.ReadAccess(here.Config.Data)
	if err != nil {
		t.Fatal(err)
	}
	desk := &operator.Client{Access: access, User: "tester", HTTP: here.HTTP}
	if err := operator.PutMailboxes.Run(ctx, desk, []operator.Mailbox{{ID: leeds, ODS: "RR8", Remote: true}}); err != nil {
		t.Fatal(err)
	}
	here.Subscribe(here.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
	here.Subscribe(here.Leeds(), about(nodetest.Alex)+vaccinations, leeds)
	flagged := nodetest.Message(t, "vaccinations-1", "new", nodetest.Alex)
	wanted := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
	here.Publish(here.Publisher(), flagged)
	here.Publish(here.Publisher(), wanted)

	folder, err := datafolder.OpenDirectory(here.Config.Data)
	if err != nil {
		t.Fatal(err)
	}
	alex := nodetest.Patient(t, nodetest.Alex)
	alex.Sensitive = true
	if err := folder.PutPatients(ctx, []directory.Patient{alex}); err != nil {
		t.Fatal(err)
	}
	if err := folder.Close(); err != nil {
		t.Fatal(err)
	}
	in := func(state store.State) (n int) {
		for _, err := range operator.Each(ctx, desk, operator.FindDeliveries, operator.Matching(operator.DeliveryFilter{Mailbox: leeds, State: state})) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	becomes := func(what string, state store.State) {
		here.Eventually(what, func() bool {
			here.Clock.Set(here.Clock.Now().Add(time.Second)) // makes pauses short
			return in(state) == 1
		})
	}
	// While the gate is shut, because an attempt that asked before the flag was
	// set could still succeed.
	becomes("withheld", store.Withheld)
	shut.Store(false)
	becomes("sent", store.Sent)
	for patient, text := range map[string]string{nodetest.Alex: "was withheld: the record was flagged", nodetest.Jack: "was sent to "} {
		here.Eventually("the patient's story has "+text, func() bool { return toldInOrder(storyOf(t, desk, patient), text) == "" })
	}
	copies := there.Collect(leeds)
	if len(copies) != 1 || !bytes.Equal(copies[0].Body, wanted) {
		t.Errorf("%d copies at the MESH", len(copies))
	}
}

// TestRemoteMESHSettings refuses settings that cannot work.
func TestRemoteMESHSettings(t *testing.T) {
	good := node.RemoteMESH{URL: "https://mesh.example.nhs.uk", SharedKey: "k", Password: "p"}
	for name, change := range map[string]func(*node.RemoteMESH){
		"address":             func(r *node.RemoteMESH) { r.URL = "mesh.example.nhs.uk" },
		"no password":         func(r *node.RemoteMESH) { r.Password = "" },
		"no shared key":       func(r *node.RemoteMESH) { r.SharedKey = "" },
		"certificate, no key": func(r *node.RemoteMESH) { r.Cert = "c.pem" },
		"negative":            func(r *node.RemoteMESH) { r.Parallel = -1 },
	} {
		c := node.DevConfig(t.TempDir())
		if c.RemoteMESH = good; c.Validate() != nil {
			t.Fatal(c.Validate())
		}
		if change(&c.RemoteMESH); c.Validate() == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}
