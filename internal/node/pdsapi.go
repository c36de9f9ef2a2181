package node

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"

	"nems/internal/broker"
	"nems/internal/demographics"
	"nems/internal/directory"
	"nems/internal/directory/devworld"
	"nems/internal/mtls"
	"nems/internal/nhs"
	"nems/internal/pdsapi"
	"nems/internal/store"
)

// PDSAPI is the PDS FHIR API (R4) over the records that this service keeps itself.
// In dev mode it is on the development listener, unless patients are at another PDS.
type PDSAPI struct {
	Listener `embed:""`
	// PublicURL is the address for which the tokens of clients must be meant.
	PublicURL string `name:"public-url" help:"Scheme and host that clients of the PDS FHIR API use, as in the aud of their tokens; default: those that the caller used."`
}

func (p PDSAPI) validate(c *Config) []error {
	if p.Listen == "" {
		return nil
	}
	wrong := p.Listener.validate("pds-server", false)
	switch {
	case c.PDS.URL != "":
		wrong = append(wrong, errors.New("pds-server-listen: the records are kept by the PDS of pds-url, which has an API of its own; set one of the two"))
	case c.Dev:
		wrong = append(wrong, errors.New("pds-server-listen: in --dev the API is on the development listener"))
	case p.Cert == "":
		wrong = append(wrong, errors.New("pds-server-cert and pds-server-key are needed, because records of patients are sent"))
	}
	return wrong
}

// pdsAPI wires the PDS FHIR API; nil if the records are kept elsewhere.
func (n *node) pdsAPI() (http.Handler, error) {
	if n.PDS.URL != "" {
		return nil, nil
	}
	var records pdsapi.Records = n.broker
	if n.Dev {
		known, err := devPatients(n.broker)
		if err != nil {
			return nil, err
		}
		records = known
	}
	used := n.addresses()
	used.public = strings.TrimSuffix(n.PDSAPI.PublicURL, "/")
	used.known = mtls.ViaProxy
	return pdsapi.New(pdsapi.Config{
		Records: records, Organisations: n.directory, Systems: n.systems, Record: n.recorder.Record, Base: used.of,
		Also: n.mnsTokens(), Open: n.Dev, TokenKey: n.accessTokenKey(), Now: n.Now, TokenTime: n.machine, Log: n.Log,
	}), nil
}

// accessTokenKey is the key of access tokens, the same on all nodes. If there is only
// one node, it makes a new one.
func (n *node) accessTokenKey() []byte {
	if len(n.searchKey) == 0 {
		if n.tokenKey == nil {
			n.tokenKey = make([]byte, 32)
			_, _ = rand.Read(n.tokenKey) // never fails
		}
		return n.tokenKey
	}
	mac := hmac.New(sha256.New, n.searchKey)
	mac.Write([]byte("nems PDS API tokens"))
	return mac.Sum(nil)
}

// seeded finds the patients of the dev world, too, whose records nobody has changed
// yet, so that only the directory knows them.
type seeded struct {
	*broker.Broker
	numbers []nhs.NHSNumber
}

func devPatients(b *broker.Broker) (seeded, error) {
	s := seeded{Broker: b}
	world := numbersOnly{numbers: &s.numbers}
	err := devworld.Seed(context.Background(), world)
	return s, err
}

// FindRecords implements pdsapi.Records. All patients of the dev world are on the
// first page, where they may make it longer than q.Limit.
func (s seeded) FindRecords(ctx context.Context, q demographics.Query) ([]demographics.Record, error) {
	page, err := s.Broker.FindRecords(ctx, q)
	if err != nil || !q.After.IsZero() {
		return page, err
	}
	var unchanged []demographics.Record
	for _, n := range s.numbers {
		r, err := s.PatientRecord(ctx, n)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if r.Updated.IsZero() && q.Fits(r) {
			unchanged = append(unchanged, r)
		}
	}
	return append(unchanged, page...), nil // the caller goes on after the last one
}

// numbersOnly keeps the numbers of the patients whom it gets.
type numbersOnly struct{ numbers *[]nhs.NHSNumber }

func (s numbersOnly) PutPatients(_ context.Context, batch []directory.Patient) error {
	for _, p := range batch {
		*s.numbers = append(*s.numbers, p.NHSNumber)
	}
	return nil
}

func (numbersOnly) PutOrganisations(context.Context, []directory.Organisation) error { return nil }

func (numbersOnly) PutPostcodes(context.Context, []directory.PostcodePlaces) error { return nil }
