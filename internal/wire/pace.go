package wire

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// Pace is how fast a peer must receive or send: each piece of at most 64 KiB
// within Silence, and Rate bytes a second on average. Only the time spent waiting
// for the peer counts. A slower peer is cut off: reading and writing then fail
// with os.ErrDeadlineExceeded.
type Pace struct {
	Silence time.Duration
	Rate    float64
}

// piece is the number of bytes that one deadline applies to.
const piece = 64 << 10

// peer is one direction of a request's connection.
type peer struct {
	pace   Pace
	passed int64         // bytes transferred so far
	waited time.Duration // time spent waiting for them
}

// limit returns how long the next piece may take.
func (p *peer) limit() time.Duration {
	earned := time.Duration(float64(p.passed+piece) / p.pace.Rate * float64(time.Second))
	return max(0, min(p.pace.Silence, p.pace.Silence+earned-p.waited))
}

// move transfers a piece within its limit.
func (p *peer) move(deadline func(time.Time) error, hand func([]byte) (int, error), b []byte) (int, error) {
	began := time.Now()
	_ = deadline(began.Add(p.limit())) // not every writer supports deadlines
	n, err := hand(b[:min(len(b), piece)])
	p.passed += int64(n)
	p.waited += time.Since(began)
	return n, err
}

// Body is a request's body that must arrive at a Pace. It belongs to one
// goroutine.
type Body struct {
	// Whole says that all of the body was read.
	Whole bool

	source     io.Reader
	peer       peer
	connection *http.ResponseController
}

// NewBody returns the body of a request.
func NewBody(w http.ResponseWriter, r *http.Request, pace Pace) *Body {
	b := &Body{Whole: r.ContentLength == 0, source: r.Body, peer: peer{pace: pace}, connection: http.NewResponseController(w)}
	if !b.Whole { // net/http itself may read it
		_ = b.connection.SetReadDeadline(time.Now().Add(pace.Silence))
	}
	return b
}

func (b *Body) Read(p []byte) (int, error) {
	n, err := b.peer.move(b.connection.SetReadDeadline, b.source.Read, p)
	b.Whole = b.Whole || errors.Is(err, io.EOF)
	return n, err
}

// Response is an answer that must be received at a Pace. It belongs to one
// goroutine.
type Response struct {
	http.ResponseWriter
	peer       peer
	connection *http.ResponseController
}

// NewResponse returns a Response that writes to w.
func NewResponse(w http.ResponseWriter, pace Pace) *Response {
	return &Response{ResponseWriter: w, peer: peer{pace: pace}, connection: http.NewResponseController(w)}
}

// WriteHeader also sets the deadline for an answer without a body.
func (r *Response) WriteHeader(status int) {
	_ = r.connection.SetWriteDeadline(time.Now().Add(r.peer.pace.Silence))
	r.ResponseWriter.WriteHeader(status)
}

func (r *Response) Write(p []byte) (n int, err error) {
	for done := false; !done; done = n == len(p) {
		written, err := r.peer.move(r.connection.SetWriteDeadline, r.ResponseWriter.Write, p[n:])
		if n += written; err != nil {
			return n, err
		}
	}
	return n, nil
}

// Unwrap lets http.ResponseController reach the connection.
func (r *Response) Unwrap() http.ResponseWriter { return r.ResponseWriter }
