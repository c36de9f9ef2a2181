package node

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nems/internal/directory/pds"
	"nems/internal/nhs"
)

// PDS is the NHS Personal Demographics Service in which patients are looked up,
// instead of those imported into the directory.
type PDS struct {
	// URL is the address of its FHIR API; "" means the imported patients.
	URL string `name:"url" help:"Address of the PDS FHIR API; empty: the imported patients are used."`
	// TokenURL is where access tokens come from.
	TokenURL string `name:"token-url" help:"Address of the token endpoint of that API."`
	// APIKey, KeyID and Key identify this service as an application: its key,
	// the name of its public key, and the file of the private one.
	APIKey string `name:"api-key" help:"API key of this application; better given in the environment."`
	KeyID  string `name:"key-id" help:"Name (kid) of the public key that is registered for it."`
	Key    string `name:"key" type:"path" help:"Private key (PEM) that signs the requests for access tokens."`
	// Organisation is sent if PDS requires it.
	Organisation string `name:"organisation" help:"ODS code sent as NHSD-End-User-Organisation-ODS; empty leaves it out."`
	// Rate is how many requests a second PDS allows.
	Rate float64 `name:"rate" default:"5" help:"Requests a second that PDS allows."`
	// CacheTTL is how old an answer may be.
	CacheTTL time.Duration `name:"cache-ttl" default:"1m" help:"How old an answer of PDS may be; 0 asks each time."`
}

func (p PDS) validate() []error {
	if p.URL == "" {
		return nil
	}
	var wrong []error
	if p.TokenURL == "" || p.APIKey == "" || p.KeyID == "" || p.Key == "" {
		wrong = append(wrong, errors.New("pds-token-url, pds-api-key, pds-key-id and pds-key are needed with pds-url"))
	}
	if p.Rate <= 0 || p.CacheTTL < 0 {
		wrong = append(wrong, errors.New("pds-rate: expected a number above 0; pds-cache-ttl: expected 0 or more"))
	}
	return wrong
}

// negativeTTL is the longest time for which an answer of PDS that there is no
// such patient is kept, because the patient may be registered soon after.
const negativeTTL = 10 * time.Second

// keptFor converts the time for which answers may be kept to that of
// pds.Config, in which zero is the default and a negative time keeps none.
func keptFor(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// findPatients decides where patients are looked up.
func (n *node) findPatients() error {
	c := n.PDS
	if c.URL == "" {
		n.patients = n.directory
		return nil
	}
	text, err := os.ReadFile(c.Key)
	if err != nil {
		return fmt.Errorf("pds-key: %w", err)
	}
	key, err := pds.ParseKey(text)
	if err != nil {
		return fmt.Errorf("pds-key: %s: %w", c.Key, err)
	}
	lookups := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "nems_pds_lookup_seconds", Help: "Look-ups of patients at PDS by how they ended.",
		Buckets: []float64{.001, .01, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"outcome"})
	n.metrics.registry.MustRegister(lookups)
	client, err := pds.New(pds.Config{
		Base: c.URL, TokenURL: c.TokenURL, APIKey: c.APIKey, KeyID: c.KeyID, Key: key, Organisation: nhs.ODSCode(c.Organisation),
		Now: n.machine, Log: n.Log, Rate: c.Rate,
		Around: func(t http.RoundTripper) http.RoundTripper { return n.tracer.Transport("pds", t) },
		TTL:    keptFor(c.CacheTTL), NegativeTTL: keptFor(min(c.CacheTTL, negativeTTL)),
		Observe: func(o pds.Outcome, took time.Duration) { lookups.WithLabelValues(string(o)).Observe(took.Seconds()) },
	})
	if err != nil {
		return err
	}
	n.patients, n.endPDS = client, client.Close
	return nil
}
