// Package wire is how the listeners treat the connection behind a request: when
// it ends, how fast a peer has to be, and how an answer reaches a client whose
// body was refused.
package wire

import "net/http"

// CloseIfSuspect ends the connection after a request that was framed in the ways
// that smuggling uses: net/http takes a request with both Content-Length and
// Transfer-Encoding and hides the former, so that every chunked request is
// suspect (RFC 9112, section 6.1).
func CloseIfSuspect(w http.ResponseWriter, r *http.Request) {
	if len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) {
		w.Header().Set("Connection", "close")
	}
}
