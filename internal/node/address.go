package node

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// addresses finds the address that a caller used, from which Location headers
// and links are made.
type addresses struct {
	// public, when set, is put before all paths.
	public string
	// proxies are the networks of proxies that are believed about the address
	// that was used. A proxy known by its certificate is believed too.
	proxies []netip.Prefix
	// known reports whether a request came through a proxy known by its certificate.
	known func(*http.Request) bool
}

// of returns scheme, host and, if it is not the scheme's default, port. They
// come from the configuration, or else from a trusted proxy, or else from the
// Host header. If that header names no host, or all of them (0.0.0.0), they are
// those of the connection. It returns "" for an invalid Host header (RFC 9112,
// section 3.2).
func (a addresses) of(r *http.Request) string {
	if a.public != "" {
		return a.public
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	host := r.Host
	if a.trusts(r) {
		scheme, host = forwarded(r.Header, scheme, host)
	}
	name, port, ok := splitHost(host)
	if host != "" && !ok {
		return ""
	}
	if ip, err := netip.ParseAddr(name); name == "" || err == nil && ip.IsUnspecified() {
		name, port = connection(r)
	}
	return scheme + "://" + joinHost(scheme, name, port)
}

// trusts reports whether a request came through a configured proxy.
func (a addresses) trusts(r *http.Request) bool {
	if a.known(r) {
		return true
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	for _, network := range a.proxies {
		if network.Contains(peer.Addr().Unmap().WithZone("")) {
			return true
		}
	}
	return false
}

// forwarded reads the headers of a proxy: Forwarded (RFC 7239), or if that is
// absent, X-Forwarded-Host, -Proto and -Port. Of several values the last is
// used, because the nearest proxy wrote it and anybody may have written the
// others. Values that are missing or invalid are not changed.
func forwarded(h http.Header, scheme, host string) (string, string) {
	said := map[string]string{"host": last(h, "X-Forwarded-Host"), "proto": last(h, "X-Forwarded-Proto"), "port": last(h, "X-Forwarded-Port")}
	if element := last(h, "Forwarded"); element != "" {
		said = map[string]string{}
		for pair := range strings.SplitSeq(element, ";") {
			name, value, _ := strings.Cut(pair, "=")
			said[strings.ToLower(strings.TrimSpace(name))] = strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	if proto := strings.ToLower(said["proto"]); proto == "http" || proto == "https" {
		scheme = proto
	}
	if _, _, ok := splitHost(said["host"]); ok {
		host = said["host"]
	}
	if name, port, ok := splitHost(host); ok && port == "" && isPort(said["port"]) {
		host = net.JoinHostPort(name, said["port"])
	}
	return scheme, host
}

// last returns the last of the values of a header that is a list.
func last(h http.Header, name string) string {
	all := h.Values(name)
	if len(all) == 0 {
		return ""
	}
	value := all[len(all)-1]
	return strings.TrimSpace(value[strings.LastIndexByte(value, ',')+1:])
}

// splitHost parses the value of a Host header: a name or an address, an IPv6
// address in brackets, with or without a port. It accepts nothing else, so that
// links made from it can only lead to a host.
func splitHost(s string) (name, port string, ok bool) {
	if name = s; strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", "", false
		}
		name, port = s[1:end], s[end+1:]
		if ip, err := netip.ParseAddr(name); err != nil || !ip.Is6() || ip.Zone() != "" {
			return "", "", false
		}
	} else {
		if colon := strings.IndexByte(s, ':'); colon >= 0 {
			name, port = s[:colon], s[colon:]
		}
		if !isHostName(name) {
			return "", "", false
		}
	}
	if port == "" || port == ":" {
		return name, "", true
	}
	port = strings.TrimPrefix(port, ":")
	return name, port, isPort(port)
}

func isHostName(s string) bool {
	return s != "" && len(s) <= 253 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	})
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// joinHost leaves out the port if it is the scheme's default.
func joinHost(scheme, name, port string) string {
	if scheme == "http" && port == "80" || scheme == "https" && port == "443" {
		port = ""
	}
	if port != "" {
		return net.JoinHostPort(name, port)
	}
	if strings.Contains(name, ":") {
		return "[" + name + "]"
	}
	return name
}

// connection returns the address of this end of the request's connection.
func connection(r *http.Request) (name, port string) {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if at, err := netip.ParseAddrPort(local.String()); err == nil {
			return at.Addr().Unmap().WithZone("").String(), strconv.Itoa(int(at.Port()))
		}
	}
	return "localhost", ""
}

// parseNetworks reads networks and single addresses, separated by commas.
func parseNetworks(text string) (networks []netip.Prefix, err error) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		network, err := netip.ParsePrefix(part)
		if ip, failed := netip.ParseAddr(part); failed == nil {
			network, err = ip.Prefix(ip.BitLen())
		}
		if err != nil {
			return nil, errNetworks
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}
