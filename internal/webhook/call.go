package webhook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"nems/internal/guard"
	"nems/internal/lane"
)

// failure is why a request was not a success, in words of our own: nothing of an
// answer is shown, since it could be that of a server inside our network.
type failure struct {
	status int // of the answer; 0 when there was none
	why    string
	pause  time.Duration // that the receiver or the state of the endpoint asks for; 0: the schedule's
	held   bool          // nothing was tried
}

func (f *failure) Error() string { return f.why }

// Is has one that tried nothing be lane.ErrHeld.
func (f *failure) Is(target error) bool { return f.held && target == lane.ErrHeld }

// content reports whether the receiver refuses this copy, not any.
func (f *failure) content() bool {
	switch f.status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

const (
	// mostRetryAfter is the longest pause that a receiver can ask for.
	mostRetryAfter = 24 * time.Hour
	// An answer's body is read up to mostAnswer bytes, for mostReading, so that its
	// connection can be used again. It says nothing to us.
	mostAnswer  = 16 << 10
	mostReading = time.Second
)

// call makes one request. A nil failure is a success.
func (s *Sender) call(ctx context.Context, method string, e Endpoint, h http.Header, body []byte) (answered, *failure) {
	timeout := s.Timeout
	if e.RestHook != nil && e.RestHook.Timeout > 0 {
		timeout = time.Duration(e.RestHook.Timeout) * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(guard.For(ctx, e.URL), method, e.URL, bytes.NewReader(body))
	if err != nil {
		return answered{}, &failure{why: "the URL of the endpoint cannot be used"}
	}
	r.Header = h
	h.Set("User-Agent", "nems")
	answer, err := s.client.Do(r)
	if err != nil {
		return answered{}, &failure{why: guard.Unanswered(err)}
	}
	defer answer.Body.Close()
	slow := time.AfterFunc(mostReading, cancel)
	_, _ = io.CopyN(io.Discard, answer.Body, mostAnswer)
	slow.Stop()
	return answered{answer.StatusCode, answer.Header}, s.verdict(answer)
}

// answered is what is known of an answer.
type answered struct {
	status int
	header http.Header
}

// verdict judges the status of an answer.
func (s *Sender) verdict(answer *http.Response) *failure {
	status := answer.StatusCode
	f := &failure{status: status, why: fmt.Sprintf("answered %d", status)}
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 300 && status < 400:
		f.why += ", a redirect, which is not followed"
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		f.pause = retryAfter(answer.Header.Get("Retry-After"), s.Now())
	}
	return f
}

// retryAfter reads the header of that name: seconds, or a moment.
func retryAfter(text string, now time.Time) time.Duration {
	var pause time.Duration
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		pause = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		pause = at.Sub(now)
	}
	return min(max(pause, 0), mostRetryAfter)
}

// consent asks whether the receiver takes requests of this origin (CloudEvents,
// HTTP 1.1 Web Hooks, section 4): an URL that somebody else was registered with
// must not be flooded.
func (s *Sender) consent(ctx context.Context, e *Endpoint) *failure {
	answer, failed := s.call(ctx, http.MethodOptions, *e, http.Header{"Webhook-Request-Origin": {s.Origin}}, nil)
	if failed != nil {
		failed.why = "asked for consent (OPTIONS): " + failed.why
		return failed
	}
	if allowed := answer.header.Get("WebHook-Allowed-Origin"); allowed != "*" && !strings.EqualFold(allowed, s.Origin) {
		return &failure{why: "asked for consent (OPTIONS): expected WebHook-Allowed-Origin with " + s.Origin + " or *; received another or none"}
	}
	e.Consented, e.Rate = s.Now().UTC(), 0
	if rate, err := strconv.ParseUint(answer.header.Get("WebHook-Allowed-Rate"), 10, 31); err == nil {
		e.Rate = int(max(rate, 1))
	}
	return nil
}
