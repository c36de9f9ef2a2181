package nodetest

import (
	"context"
	"strings"
	"sync"

	"nems/internal/directory"
	"nems/internal/directory/devworld"
)

// secrets are what no log line may hold: the number and the family name of
// every patient of the dev world, and the beginnings of tokens.
var secrets = sync.OnceValue(func() []string {
	all := patients{"eyJhbGciOi", "eyJpc3Mi", "NHSMESH "}
	if err := devworld.Seed(context.Background(), &all); err != nil {
		panic(err) // the world of every test is broken
	}
	return all
})

// leaked returns the secrets that a text holds.
func leaked(text string) (out []string) {
	for _, s := range secrets() {
		if strings.Contains(text, s) {
			out = append(out, s)
		}
	}
	return out
}

// patients is a directory.Sink that keeps what tells who somebody is.
type patients []string

// PutPatients implements directory.Sink. Names of fewer than five letters stand
// in other words too.
func (p *patients) PutPatients(_ context.Context, batch []directory.Patient) error {
	for _, patient := range batch {
		*p = append(*p, patient.NHSNumber.Digits())
		if len(patient.Family) >= 5 {
			*p = append(*p, patient.Family)
		}
	}
	return nil
}

// PutOrganisations implements directory.Sink.
func (*patients) PutOrganisations(context.Context, []directory.Organisation) error { return nil }

// PutPostcodes implements directory.Sink.
func (*patients) PutPostcodes(context.Context, []directory.PostcodePlaces) error { return nil }
