// Package pds traces patients at the NHS Personal Demographics Service for package
// publisher, through its FHIR API (R4) with application-restricted access.
package pds

import (
	"context"
	"crypto/rsa"
	"errors"
	"net/http"
	"time"

	"nems/internal/directory"
	"nems/internal/directory/pds"
	"nems/internal/nhs"
	"nems/message"
	"nems/publisher"
)

// Config says which PDS to ask, and with which identity.
type Config struct {
	// URL is the address of the API, such as
	// https://api.service.nhs.uk/personal-demographics/FHIR/R4. It is https, except on
	// this machine.
	URL string
	// TokenURL is the address of the token endpoint: https://api.service.nhs.uk/oauth2/token.
	TokenURL string
	APIKey   string // the application's key
	KeyID    string // names the public key that is registered
	// Key signs the requests for tokens. ParseKey reads it.
	Key *rsa.PrivateKey
	// ODS is the organisation, which PDS wants from applications of several; "" leaves it out.
	ODS  string
	HTTP *http.Client     // nil means its own
	Now  func() time.Time // nil means time.Now
}

// ParseKey reads an RSA private key in PEM, PKCS #1 or PKCS #8.
func ParseKey(pem []byte) (*rsa.PrivateKey, error) { return pds.ParseKey(pem) }

// Tracer is a publisher.Tracer. It waits its turn if PDS grants no more requests, and asks
// PDS each time: what is sent has been verified at the point of publishing.
type Tracer struct{ client *pds.Client }

var _ publisher.Tracer = (*Tracer)(nil)

// New returns a Tracer. It makes no request. Close it in the end.
func New(c Config) (*Tracer, error) {
	client, err := pds.New(pds.Config{
		Base: c.URL, TokenURL: c.TokenURL, APIKey: c.APIKey, KeyID: c.KeyID, Key: c.Key, Organisation: nhs.ODSCode(c.ODS),
		HTTP: c.HTTP, Now: c.Now, TTL: -1, NegativeTTL: -1,
	})
	if err != nil {
		return nil, err
	}
	return &Tracer{client}, nil
}

// Close ends the look-ups that are under way.
func (t *Tracer) Close() { t.client.Close() }

// Trace implements publisher.Tracer.
func (t *Tracer) Trace(ctx context.Context, nhsNumber string) (publisher.Traced, error) {
	number, err := nhs.ParseNHSNumber(nhsNumber)
	if err != nil {
		return publisher.Traced{}, errors.Join(publisher.ErrNotTraced, err)
	}
	p, err := t.client.Patient(ctx, number)
	switch {
	case errors.Is(err, directory.ErrNotFound):
		return publisher.Traced{}, publisher.ErrNotTraced
	case errors.Is(err, directory.ErrAway):
		return publisher.Traced{}, errors.Join(publisher.ErrAway, err)
	case err != nil:
		return publisher.Traced{}, err
	}
	traced := publisher.Traced{
		NHSNumber: number.Digits(), Family: p.Family, Given: p.Given, Sensitive: p.Sensitive, Invalid: p.Invalid,
	}
	if !p.SupersededBy.IsZero() {
		traced.NHSNumber = p.SupersededBy.Digits()
	}
	if !p.BirthDate.IsZero() {
		traced.BirthDate = message.On(p.BirthDate)
	}
	return traced, nil
}
