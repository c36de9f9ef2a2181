package wire

import (
	"net/http"
	"time"
)

// readByServer is up to which size package net/http itself reads what is left of
// a body before it sends the answer; of larger ones it reads nothing.
const readByServer = 256 << 10

// lingerSilence is how long a refused client may pause before nothing more is
// read of its body.
const lingerSilence = 500 * time.Millisecond

// AnswerEarly lets the answer go out before a large body has come in, and reports
// whether it may. Linger must follow the answer. begun says that reading the body
// has begun.
func AnswerEarly(w http.ResponseWriter, r *http.Request, begun bool) bool {
	large := r.ContentLength < 0 || r.ContentLength > readByServer
	waits := r.Header.Get("Expect") != "" && !begun
	// Who waits for leave to send needs no more than the answer; HTTP/2 tells
	// the client to stop.
	if !large || waits || r.ProtoMajor != 1 {
		return false
	}
	return http.NewResponseController(w).EnableFullDuplex() == nil
}

// Linger sends the answer on its way and reads what is left of the refused body,
// for nothing: at most so many bytes, for so long. A client that sends all before
// it listens would otherwise find its connection reset, and never see the answer.
func Linger(w http.ResponseWriter, r *http.Request, most int64, within time.Duration) {
	connection := http.NewResponseController(w)
	if connection.Flush() != nil {
		return
	}
	end := time.Now().Add(within)
	buffer := make([]byte, 32<<10)
	for read := int64(0); read < most; {
		now := time.Now()
		silence := now.Add(lingerSilence)
		if silence.After(end) {
			silence = end
		}
		if !now.Before(end) || connection.SetReadDeadline(silence) != nil {
			return
		}
		n, err := r.Body.Read(buffer)
		if read += int64(n); err != nil {
			return
		}
	}
}
