// Package guard makes calls to addresses that others have chosen, and keeps them
// from reaching into our own network.
package guard

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// ErrAddress says that an endpoint's name leads to where nothing is sent.
var ErrAddress = errors.New("the address of the endpoint is not allowed: expected a public one, at port 443 or 8443")

// refused are the networks that are not public (IANA's registries of special
// purpose addresses), and those that wrap an address of the other family (also as
// RFC 2765 did, section 2.1).
var refused = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
	"192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16",
	"fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
)

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

// guard decides where connections may go. It is asked with the address that the
// name was resolved to, at the moment of connecting, so that a name whose address
// changes gains nothing.
type guard struct{ allowed []netip.Prefix }

// plain marks the context of a request without TLS.
type plain struct{}

// For returns the context in which a client of NewClient makes a request to a URL.
func For(ctx context.Context, url string) context.Context {
	if strings.HasPrefix(url, "http:") {
		return context.WithValue(ctx, plain{}, true)
	}
	return ctx
}

func (g guard) control(ctx context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return ErrAddress
	}
	ip := at.Addr().Unmap().WithZone("")
	for _, p := range g.allowed {
		if p.Contains(ip) {
			return nil
		}
	}
	if ctx.Value(plain{}) != nil || at.Port() != 443 && at.Port() != 8443 {
		return ErrAddress
	}
	for _, p := range refused {
		if p.Contains(ip) {
			return ErrAddress
		}
	}
	return nil
}

// NewClient returns the client of all requests: no proxy, no redirects, and
// little room for headers. It keeps some idle connections to each host.
func NewClient(allowed []netip.Prefix, secure *tls.Config, idle int) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, ControlContext: guard{allowed}.control}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: nil, DialContext: dialer.DialContext, TLSClientConfig: secure, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: 10 * time.Second, DisableCompression: true, MaxResponseHeaderBytes: 16 << 10,
			MaxIdleConnsPerHost: idle, MaxIdleConns: 256, IdleConnTimeout: 90 * time.Second,
		},
	}
}
