package pds

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"nems/internal/nhs"
)

// Config says which PDS to ask, with which identity, and how often. A field
// left zero has the default in parentheses.
type Config struct {
	// Base is the address of the API, such as
	// "https://api.service.nhs.uk/personal-demographics/FHIR/R4". It must be
	// https, except for a host of this machine.
	Base string
	// TokenURL is the address of the token endpoint, exactly as it must appear
	// in the JWT's aud: "https://api.service.nhs.uk/oauth2/token".
	TokenURL string
	// APIKey is the application's key (iss and sub of the JWT).
	APIKey string
	// KeyID names the public key that was registered (kid).
	KeyID string
	// Key signs the JWT (RS512); see ParseKey.
	Key *rsa.PrivateKey
	// Organisation is sent as NHSD-End-User-Organisation-ODS, which PDS demands
	// of applications that serve several organisations; "" leaves it out.
	Organisation nhs.ODSCode
	// HTTP carries the requests; nil means a client of its own. Redirects are
	// never followed, since they would repeat the NHS number.
	HTTP *http.Client
	// Around is put around the transport, such as for tracing; nil for nothing.
	Around func(http.RoundTripper) http.RoundTripper
	// Now is the clock of the cache, of tokens and of Retry-After. Timeouts, the
	// rate and the breaker use the machine's clock.
	Now func() time.Time
	// Log gets a line when PDS goes away or comes back, with the reason; nil means no log.
	Log *slog.Logger
	// Observe is called for each call of Patient that the cache answered, and
	// for each look-up with its outcome and duration; nil means no calls.
	Observe func(Outcome, time.Duration)

	// Size is the largest number of patients in the cache (10,000). TTL is how
	// old an answer may be (1 minute), counted from the request. NegativeTTL is
	// how old "not found" may be (10 s). A negative TTL keeps no answers.
	Size             int
	TTL, NegativeTTL time.Duration
	// Rate is the largest number of requests a second (5: what PDS grants an
	// application unless agreed otherwise). Burst is how many of them may come
	// at once (those of one second).
	Rate  float64
	Burst int
	// Concurrency is the largest number of requests in progress (8).
	Concurrency int
	// Timeout limits one request including its body (5 s). Wait limits a whole
	// look-up including its wait for a turn, its token and its second attempt
	// (10 s).
	Timeout, Wait time.Duration
	// After Trip failures in a row (5) PDS counts as away: look-ups are
	// answered at once without a request. After Rest (15 s) one look-up is
	// tried.
	Trip uint32
	Rest time.Duration
}

// minKeyBits is the smallest RSA key in use today; the NHS asks for 4096 bits.
const minKeyBits = 2048

// ParseKey reads an RSA private key in PEM, PKCS #1 or PKCS #8. Its errors
// quote nothing of the key.
func ParseKey(data []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("pds: the private key is not PEM")
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, errors.New("pds: the private key is neither PKCS #1 nor PKCS #8, or it is encrypted")
		}
		var isRSA bool
		if key, isRSA = parsed.(*rsa.PrivateKey); !isRSA {
			return nil, errors.New("pds: the private key is not an RSA key")
		}
	}
	if key.N.BitLen() < minKeyBits {
		return nil, errors.New("pds: the private key has fewer than 2048 bits")
	}
	return key, nil
}

// check checks the configuration and returns the base address without a slash at its end.
func (c *Config) check() (string, error) {
	for _, field := range []struct{ name, value string }{{"API key", c.APIKey}, {"key id", c.KeyID}} {
		if field.value == "" {
			return "", errors.New("no " + field.name)
		}
	}
	if c.Key == nil {
		return "", errors.New("no private key")
	}
	if !safeURL(c.Base) {
		return "", errors.New("the base address is not an https URL")
	}
	if !safeURL(c.TokenURL) {
		return "", errors.New("the token address is not an https URL")
	}
	if c.Rate < 0 || c.Burst < 1 || c.Size < 1 || c.Concurrency < 1 || c.Timeout < 0 || c.Wait < 0 || c.Rest < 0 {
		return "", errors.New("a limit is negative")
	}
	return strings.TrimRight(c.Base, "/"), nil
}

// safeURL reports whether tokens and NHS numbers may be sent to an address.
func safeURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	here := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && here
}

// client returns a copy of the configured client that follows no redirects and
// keeps no cookies.
func (c *Config) client() *http.Client {
	transport := http.RoundTripper(nil)
	if c.HTTP != nil {
		transport = c.HTTP.Transport
	}
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		own.MaxIdleConnsPerHost, own.MaxConnsPerHost = c.Concurrency, c.Concurrency
		own.MaxResponseHeaderBytes = 64 << 10
		transport = own
	}
	if c.Around != nil {
		transport = c.Around(transport)
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
