package operator

import (
	"errors"
	"fmt"
	"net/http"

	"nems/internal/store"
)

// Code says what kind of failure an Error is. It is an error itself, so that
// errors.Is(err, operator.Invalid) tells.
type Code string

// The codes: a closed set.
const (
	Invalid         Code = "invalid"         // the request cannot be right: Field says what to change
	Unauthenticated Code = "unauthenticated" // nobody has said who asks, or not proven it
	Forbidden       Code = "forbidden"       // whoever asks lacks the role
	NotFound        Code = "not-found"       // what the request names is not there
	Conflict        Code = "conflict"        // it is not in a state for this
	TooMany         Code = "too-many"        // others ask at this moment: try again
	Busy            Code = "busy"            // nothing was done: try again
	UnknownOutcome  Code = "outcome-unknown" // it may have been done: look before trying again
	Internal        Code = "internal"        // a defect or a failing machine
)

// Error returns the code.
func (c Code) Error() string { return string(c) }

// kinds say how each code appears over HTTP, whether the same request may
// succeed when it is repeated, and which sentinel of a store it stands for.
var kinds = map[Code]struct {
	status    int
	retryable bool
	sentinel  error
}{
	Invalid:         {status: http.StatusUnprocessableEntity},
	Unauthenticated: {status: http.StatusUnauthorized},
	Forbidden:       {status: http.StatusForbidden},
	NotFound:        {status: http.StatusNotFound, sentinel: store.ErrNotFound},
	Conflict:        {status: http.StatusConflict},
	TooMany:         {status: http.StatusTooManyRequests, retryable: true},
	Busy:            {status: http.StatusServiceUnavailable, retryable: true, sentinel: store.ErrBusy},
	UnknownOutcome:  {status: http.StatusServiceUnavailable, sentinel: store.ErrUnknown},
	Internal:        {status: http.StatusInternalServerError},
}

// Error is why the desk did not do something. Every face returns this type, and
// over HTTP the same value arrives. It holds no patient's data.
type Error struct {
	Code    Code
	Message string // for people
	// Field, Expected and Received tell of an Invalid request what is wrong with
	// which member or parameter; "" where that cannot be said.
	Field, Expected, Received string

	cause error // for errors.Is on this side of HTTP
}

// Error is the message as commands print it.
func (e *Error) Error() string {
	if e.Code == Invalid || e.Code == Conflict {
		return "refused: " + e.Message
	}
	return e.Message
}

// Retryable tells whether the same request may succeed a moment later.
func (e *Error) Retryable() bool { return kinds[e.Code].retryable }

// Is compares with a Code, and with the store's sentinel that the code stands for.
func (e *Error) Is(target error) bool {
	return target == error(e.Code) || target != nil && target == kinds[e.Code].sentinel
}

// Unwrap returns what the store said, where this process has heard it.
func (e *Error) Unwrap() error { return e.cause }

// invalid is the Error of a request that cannot be right. The field is named in
// the text too.
func invalid(field, format string, a ...any) *Error {
	return &Error{Code: Invalid, Field: field, Message: fmt.Sprintf(format, a...)}
}

// expected is the Error of a value that is not one of those a field can have.
func expected(field, want, received string) *Error {
	return &Error{Code: Invalid, Field: field, Expected: want, Received: received, Message: field + ": expected " + want}
}

// conflict is the Error of something that is not in a state for the request.
func conflict(format string, a ...any) *Error {
	return &Error{Code: Conflict, Message: fmt.Sprintf(format, a...)}
}

// badCharacters is what PostgreSQL calls a text that it cannot hold. SQLite holds any.
const badCharacters = "22021"

// asError makes an Error of whatever went wrong.
func asError(err error) *Error {
	var known *Error
	var database interface{ SQLState() string }
	code := Internal
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &database) && database.SQLState() == badCharacters: // the request brought them
		return &Error{Code: Invalid, Message: "a text of the request has characters that no name has: NUL, or what is not UTF-8", cause: err}
	case errors.Is(err, store.ErrNotFound):
		code = NotFound
	case errors.Is(err, store.ErrUnknown):
		code = UnknownOutcome
	case store.Temporary(err):
		code = Busy
	}
	return &Error{Code: code, Message: err.Error(), cause: err}
}

// named says what it was that is not there.
func named(err error, kind, name string) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%s %s: %w", kind, name, err)
	}
	return err
}
