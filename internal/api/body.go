package api

import (
	"errors"
	"io"
	"net/http"
	"os"

	"nems/internal/refuse"
)

// MaxBody is the largest size of a message in bytes: 3 MB (NEMS specification,
// "Publish an Event Message").
const MaxBody = 3 << 20

// body reads the request's body. It refuses the body as soon as it is known to
// be too large. It also refuses compressed bodies, because what is signed must
// be what is sent. It returns once the request may be worked on.
func (a *API) body(x *exchange, limit int64) ([]byte, error) {
	if e := x.r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, refuse.UnsupportedMediaType("Content-Encoding HTTP Header: expected none, received another encoding")
	}
	length := x.r.ContentLength
	if length > limit {
		x.w.Header().Set("Connection", "close")
		return nil, refuse.TooLarge(limit)
	}
	a.fair.leave() // a slow sender must not occupy a place meanwhile
	body, err := a.readBody(x, length, limit)
	busy := a.fair.enter()
	switch {
	case err != nil:
		return nil, err
	case busy != nil:
		return nil, busy
	}
	if refusal := a.fair.work(x.r.Context(), len(body)); refusal != nil {
		return nil, refusal
	}
	x.worked = len(body)
	x.working = true
	return body, nil
}

// firstRead is how much memory a request gets before any of its body has arrived.
const firstRead = 16 << 10

// readBody reads a body of a known length, or of at most limit bytes if length
// is negative. Memory is allocated as the bytes arrive, so that an announced
// body that is never sent takes no memory from others.
func (a *API) readBody(x *exchange, length, limit int64) (body []byte, err error) {
	most := length
	if length < 0 {
		most = limit + 1 // the reader refuses the byte beyond limit
	}
	limited := http.MaxBytesReader(x.w, x.r.Body, limit)
	for int64(len(body)) < most && err == nil {
		if len(body) == cap(body) {
			more := min(most, int64(max(firstRead, 2*cap(body))))
			if refusal := a.fair.hold(x.share, more-x.held); refusal != nil {
				return nil, refusal
			}
			x.held = more
			body = append(make([]byte, 0, more), body...)
		}
		var n int
		n, err = limited.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
	}
	if err == nil || errors.Is(err, io.EOF) && int64(len(body)) >= length {
		x.whole = true
		return body, nil
	}
	return nil, unread(err, limit)
}

// unread returns the refusal for a body that could not be read.
func unread(err error, limit int64) *refuse.Refusal {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return refuse.TooLarge(limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse.BadRequest("the body did not arrive within " + arriveWithin.String())
	}
	return refuse.BadRequest("the body ended before it was complete")
}
