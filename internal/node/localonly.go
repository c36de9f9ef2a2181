package node

import (
	"fmt"
	"net"
	"net/http"
	"strings"
)

// localOnly limits the development world to this machine if it listens on a
// loopback address. Otherwise a web page could reach it by a name of its own
// that resolves to that address (DNS rebinding). Listening on another address,
// or naming a proxy, is taken as intended; the former is logged as a warning.
func (n *node) localOnly(address net.Addr, next http.Handler) http.Handler {
	tcp, ok := address.(*net.TCPAddr)
	if n.PublicURL != "" || n.ForwardedFrom != "" {
		return next // a proxy in front of it is intended
	}
	if !ok || !tcp.IP.IsLoopback() {
		n.Log.Warn("THE DEVELOPMENT WORLD ANSWERS EVERYBODY WHO CAN REACH IT: its tokens are unsigned and its passwords are known; never give it real patients", "address", address.String())
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocalHost(r.Host) {
			http.Error(w, fmt.Sprintf("the development world answers on localhost only; received the host %.100q. To be reached by other names, start it with --listen 0.0.0.0:%d", r.Host, tcp.Port), http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLocalHost reports whether a Host header names this machine as it names itself.
func isLocalHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
