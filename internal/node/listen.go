package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Limits of every listener. A request that trickles in slower than these is
// dropped, so that slow connections cannot hold the service.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 2 * time.Minute // a 100 MB upload needs some time
	idleTimeout   = 90 * time.Second
	maxHeader     = 32 << 10
)

// endpoint is one bound address and what answers there.
type endpoint struct {
	name   string
	socket net.Listener
	server *http.Server
	scheme string
	pair   *keyPair // nil without TLS
	pins   *pins    // nil where no client certificates are demanded
}

// bind opens an address. It fails at once when the address cannot be had or
// the certificate cannot be read.
func bind(ctx context.Context, name string, l Listener, handler http.Handler, w World, watch *tlsWatch, memory *listMemory) (*endpoint, error) {
	socket, err := net.Listen("tcp", l.Listen)
	if err != nil {
		return nil, fmt.Errorf("%s listener: %w", name, err)
	}
	e := &endpoint{name: name, socket: socket, scheme: "http", server: &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: watch.errorLog(name),
	}}
	if l.Cert != "" {
		if err := e.secure(ctx, l, w.Now, watch, memory); err != nil {
			_ = socket.Close()
			return nil, fmt.Errorf("%s listener: %w", name, err)
		}
	}
	if e.pins != nil {
		e.server.Handler = e.pins.guard(e.server, e.pins.proxied(l, handler))
	}
	return e, nil
}

// secure puts TLS around the socket.
func (e *endpoint) secure(ctx context.Context, l Listener, now func() time.Time, watch *tlsWatch, memory *listMemory) (err error) {
	if e.pair, err = openKeyPair(e.name, l.Cert, l.Key, x509.ExtKeyUsageServerAuth, watch); err != nil {
		return err
	}
	config, pins, err := tlsConfig(ctx, e.name, l, e.pair, now, watch, memory)
	if err != nil {
		return err
	}
	e.scheme, e.socket, e.pins = "https", tls.NewListener(e.socket, config), pins
	return nil
}

// address is where the endpoint can be reached, port 0 resolved.
func (e *endpoint) address() string { return e.scheme + "://" + e.socket.Addr().String() }

// serve answers until the context ends, then lets requests under way finish,
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
