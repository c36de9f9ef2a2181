package api

import (
	"net/http"
	"time"
)

// What is read of a body, for nothing, after its refusal: net/http reads the
// rest of small ones itself, and of none beyond readByServer.
const (
	readByServer  = 256 << 10
	lingerMost    = 16 << 20
	lingerSilence = 500 * time.Millisecond
)

// splitBody lets the answer go out before a large body has come in. It reports
// whether the writer can do that.
func splitBody(w http.ResponseWriter, r *http.Request) bool {
	large := r.ContentLength < 0 || r.ContentLength > readByServer
	// Who waits for leave to send needs no more than the answer; HTTP/2 tells
	// the client to stop.
	if !large || r.ProtoMajor != 1 || r.Header.Get("Expect") != "" {
		return false
	}
	return http.NewResponseController(w).EnableFullDuplex() == nil
}

// linger reads what is left of a refused body, once the answer is on its way. A
// client that sends all before it listens would otherwise find its connection
// reset, and never see the answer.
func (x *exchange) linger() {
	if !x.split || x.whole {
		return
	}
	connection := http.NewResponseController(x.w)
	if connection.Flush() != nil {
		return
	}
	end := time.Now().Add(arriveWithin)
	buffer := make([]byte, 32<<10)
	for read := 0; read < lingerMost; {
		now := time.Now()
		silence := now.Add(lingerSilence)
		if silence.After(end) {
			silence = end
		}
		if !now.Before(end) || connection.SetReadDeadline(silence) != nil {
			return
		}
		n, err := x.r.Body.Read(buffer)
		if read += n; err != nil {
			return
		}
	}
}
