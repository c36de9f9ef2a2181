package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"nems/internal/audit"
	"nems/internal/mtls"
)

// Limits of every listener. A request that arrives more slowly than these is
// dropped, so that slow connections cannot block the service.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 2 * time.Minute // a 100 MB upload needs some time
	idleTimeout   = 90 * time.Second
	maxHeader     = 32 << 10
)

// endpoint is one bound address and its server.
type endpoint struct {
	name   string
	socket net.Listener
	server *http.Server
	scheme string
	tls    *mtls.Server // nil without TLS
}

// bind opens an address. It fails at once if the address is not available or
// the certificate cannot be read.
func bind(ctx context.Context, name string, l Listener, handler http.Handler, watch *mtls.Watch, memory mtls.Memory) (*endpoint, error) {
	socket, err := net.Listen("tcp", l.Listen)
	if err != nil {
		return nil, fmt.Errorf("%s listener: %w", name, occupied(err, settingOf(name), l.Listen))
	}
	e := &endpoint{name: name, socket: socket, scheme: "http", server: &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: watch.ErrorLog(name),
	}}
	if l.Cert != "" {
		if e.tls, err = mtls.Open(ctx, name, l.files(), memory, watch); err != nil {
			_ = socket.Close()
			return nil, fmt.Errorf("%s listener: %w", name, err)
		}
		e.scheme, e.socket = "https", tls.NewListener(socket, e.tls.Config())
		e.tls.Guard(e.server)
	}
	return e, nil
}

// settingOf names the setting that has the address of a listener.
func settingOf(name string) string {
	if name == "dev" {
		return "listen"
	}
	return name + "-listen"
}

// address returns where the endpoint can be reached, with port 0 resolved.
func (e *endpoint) address() string { return e.scheme + "://" + e.socket.Addr().String() }

// serve answers until the context ends. Then it lets requests under way finish,
// for at most drain, before it cuts them off.
func (e *endpoint) serve(ctx context.Context, drain time.Duration) error {
	done := make(chan error, 1)
	go func() { done <- e.server.Serve(e.socket) }()
	select {
	case err := <-done:
		return fmt.Errorf("%s listener: %w", e.name, err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := e.server.Shutdown(grace); err != nil {
		_ = e.server.Close()
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// files returns the files for the TLS of the listener.
func (l Listener) files() mtls.Files {
	return mtls.Files{Cert: l.Cert, Key: l.Key, ClientCA: l.ClientCA, ClientCRL: l.ClientCRL, ProxyName: l.ProxyName, ProxyHeader: l.ProxyHeader}
}

// listMemory remembers revocation lists in the database, which outlives the files,
// the node and, with PostgreSQL, the machine.
func (n *node) listMemory() mtls.Memory {
	if !n.AcceptOlderCRL {
		return n.db
	}
	n.Log.Error("revocation lists may be older than those that were in force: accept-older-crl is set")
	n.db.Record(audit.Entry{At: n.Now(), Action: audit.ActionAcceptOlderCRL})
	return forgetful{n.db}
}

// forgetful remembers nothing from before this start, so that the node accepts
// whatever lists there are.
type forgetful struct{ mtls.Memory }

func (forgetful) Witness(context.Context, string) ([]byte, error) { return nil, nil }
