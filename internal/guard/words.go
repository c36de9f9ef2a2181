package guard

import (
	"context"
	"crypto/tls"
	"errors"
	"net/url"
	"strings"
)

// Unanswered says why there was no answer, in one of few texts.
func Unanswered(err error) string {
	var certificate *tls.CertificateVerificationError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, ErrAddress):
		return ErrAddress.Error()
	case errors.As(err, &certificate):
		return "the certificate of the endpoint is not valid"
	case errors.Is(err, context.Canceled):
		return "the request was cut off here"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	}
	return "no connection, or no answer in HTTP"
}

// mostURL is the length of the longest URL, in bytes.
const mostURL = 2048

// CheckURL says what is wrong with the URL of an endpoint, as far as its text
// shows. plain allows http, for networks of tests.
func CheckURL(text string, plain bool) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > mostURL || u.Host == "" || u.Hostname() == "":
		return errors.New("expected an https URL with a host")
	case u.Scheme != "https" && (u.Scheme != "http" || !plain):
		return errors.New("expected an https URL; received another scheme")
	case u.User != nil:
		return errors.New("expected a URL without a user name or password")
	case u.Fragment != "":
		return errors.New("expected a URL without a fragment")
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("expected a URL in ASCII, without blanks")
	}
	return nil
}
