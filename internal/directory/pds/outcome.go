package pds

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strconv"
	"syscall"

	"nems/internal/directory"
)

// Outcome is how a look-up ended. It is a closed set, suitable as a metric label.
type Outcome string

// The outcomes. With Busy and those after it the caller gets directory.ErrAway.
const (
	Cached      Outcome = "cached"      // answered from the cache
	Found       Outcome = "found"       // a record
	NotFound    Outcome = "not_found"   // PDS has no such patient
	Invalidated Outcome = "invalidated" // PDS has withdrawn the record
	Busy        Outcome = "busy"        // our own limits: no turn in time
	Resting     Outcome = "resting"     // the breaker is open, or Retry-After has not passed
	Throttled   Outcome = "throttled"   // 429
	Refused     Outcome = "refused"     // PDS or its token endpoint refuses this application: 400, 401, 403
	Failed      Outcome = "failed"      // 408, 5xx
	Unreachable Outcome = "unreachable" // no connection, or the connection broke
	TimedOut    Outcome = "timed_out"   // no answer in time
	Unreadable  Outcome = "unreadable"  // an answer that makes no sense
	Closed      Outcome = "closed"      // the client was closed
)

// failure says why there is no answer. It is a directory.ErrAway.
type failure struct {
	outcome Outcome
	text    string // a fixed text of ours, never a quotation
	status  int    // HTTP status; 0 means none
	again   bool   // a second attempt at once may help
}

// Error returns the reason, without anything about the patient.
func (f *failure) Error() string {
	text := "PDS: " + f.text
	if f.status != 0 {
		text += " (HTTP " + strconv.Itoa(f.status) + ")"
	}
	return text
}

// Unwrap makes every failure a directory.ErrAway.
func (f *failure) Unwrap() error { return directory.ErrAway }

// Temporary reports that another attempt later may succeed.
func (f *failure) Temporary() bool { return true }

// blameless reports whether an error says nothing about PDS's health.
func blameless(err error) bool {
	var f *failure
	if !errors.As(err, &f) {
		return false
	}
	return f.outcome == Busy || f.outcome == Throttled || f.outcome == Closed
}

// outcomeOf names how a look-up ended.
func outcomeOf(a answer, err error) Outcome {
	var f *failure
	switch {
	case errors.As(err, &f):
		return f.outcome
	case a.absent:
		return NotFound
	case a.patient.Invalid:
		return Invalidated
	}
	return Found
}

// broken describes a request that got no answer. The error of net/http contains
// the URL and may quote what the other side sent, so nothing of it is kept.
func broken(ctx context.Context, err error) *failure {
	f := &failure{outcome: Unreachable, text: "the connection failed", again: true}
	var (
		timeout     net.Error
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		unknown     x509.UnknownAuthorityError
	)
	switch {
	case errors.Is(err, context.Canceled) || errors.Is(ctx.Err(), context.Canceled):
		f.outcome, f.text, f.again = Closed, "the look-up was ended", false
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		f.outcome, f.text, f.again = TimedOut, "no answer in time", false
	case errors.As(err, &dns):
		f.text, f.again = "its name cannot be resolved", false
	case errors.As(err, &certificate), errors.As(err, &unknown):
		f.text, f.again = "its certificate is not trusted", false
	case errors.Is(err, syscall.ECONNREFUSED):
		f.text, f.again = "the connection was refused", false
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		f.text = "the connection was cut off"
	}
	return f
}
