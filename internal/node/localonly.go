package node

import (
	"fmt"
	"net"
	"net/http"
	"strings"
)

// localOnly keeps the development world to this machine where it listens on a
// loopback address: a page on the web could reach it by a name of its own that
// leads there (DNS rebinding). Who listens elsewhere, or names a proxy in front,
// does so on purpose; the former is warned.
func (n *node) localOnly(address net.Addr, next http.Handler) http.Handler {
	tcp, ok := address.(*net.TCPAddr)
	if n.PublicURL != "" || n.ForwardedFrom != "" {
		return next // a proxy stands in front of it on purpose
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

// isLocalHost tells whether a Host header names this machine to itself.
func isLocalHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
