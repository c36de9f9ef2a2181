package api

import (
	"errors"
	"io"
	"net/http"
	"os"

	"nems/internal/spine"
)

// MaxBody is the most bytes that a message may have: 3 MB (NEMS specification,
// "Publish an Event Message").
const MaxBody = 3 << 20

// body reads the request's body, refusing it as soon as it is known to be too
// large, and bodies that are compressed: what is signed for is what is sent. It
// returns once the request may be worked on.
func (a *API) body(x *exchange, limit int64) ([]byte, error) {
	if e := x.r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, spine.UnsupportedMediaType("Content-Encoding HTTP Header: expected none, received another encoding")
	}
	length := x.r.ContentLength
	if length > limit {
		x.w.Header().Set("Connection", "close")
		return nil, spine.TooLarge(limit)
	}
	expected := length
	if length < 0 {
		expected = limit
	}
	if refusal := a.fair.hold(expected); refusal != nil {
		return nil, refusal
	}
	x.held = expected
	body, err := x.readBody(length, limit)
	if err != nil {
		return nil, err
	}
	if refusal := a.fair.work(x.r.Context()); refusal != nil {
		return nil, refusal
	}
	x.working = true
	return body, nil
}

// readBody reads a body of a known length, or of at most limit bytes where
// length is negative.
func (x *exchange) readBody(length, limit int64) (body []byte, err error) {
	limited := http.MaxBytesReader(x.w, x.r.Body, limit)
	if length >= 0 {
		body = make([]byte, length)
		_, err = io.ReadFull(limited, body)
	} else {
		body, err = io.ReadAll(limited)
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, spine.TooLarge(limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, spine.BadRequest("the body did not arrive within " + arriveWithin.String())
	case err != nil:
		return nil, spine.BadRequest("the body ended before it was complete")
	}
	x.whole = true
	return body, nil
}
