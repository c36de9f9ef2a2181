package wire

import (
	"net/http"
	"time"
)

// readByServer is the size up to which package net/http itself reads the rest of
// a body before it sends the answer. Of larger bodies it reads nothing.
const readByServer = 256 << 10

// lingerSilence is how long a refused client may pause before we stop reading
// its body.
const lingerSilence = 500 * time.Millisecond

// AnswerEarly allows the answer to be sent before a large body has arrived, and
// reports whether that is possible. Linger must follow the answer. begun says
// that the body has been read in part.
func AnswerEarly(w http.ResponseWriter, r *http.Request, begun bool) bool {
	large := r.ContentLength < 0 || r.ContentLength > readByServer
	waits := r.Header.Get("Expect") != "" && !begun
	// A client that waits for permission to send needs only the answer, and
	// HTTP/2 tells the client to stop.
	if !large || waits || r.ProtoMajor != 1 {
		return false
	}
	return http.NewResponseController(w).EnableFullDuplex() == nil
}

// Linger sends the answer, and then reads and discards the rest of the refused
// body: at most so many bytes, for at most so long. Without this, a client that
// sends everything before it reads would find its connection reset and never see
// the answer.
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
