// Package wire handles the connection of a request: when it ends, how fast a
// peer must be, and how an answer reaches a client whose body was refused.
package wire

import "net/http"

// CloseIfSuspect closes the connection after a request that is framed in the
// ways that request smuggling uses. net/http accepts a request with both
// Content-Length and Transfer-Encoding and hides the former, so every chunked
// request is suspect (RFC 9112, section 6.1).
func CloseIfSuspect(w http.ResponseWriter, r *http.Request) {
	if len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) {
		w.Header().Set("Connection", "close")
	}
}
