package directory

import "context"

// PostcodePlaces says where one postcode lies. An importer writes the postcode
// as NormalPostcode does ("LS17 7DF").
type PostcodePlaces struct {
	Postcode string
	Places
}

// Sink takes what an import reads, in batches: each call is stored wholly or
// not at all, and an entry replaces the one of the same number, code or
// postcode. The slices are the importer's and change after the call.
type Sink interface {
	PutPatients(ctx context.Context, batch []Patient) error
	PutOrganisations(ctx context.Context, batch []Organisation) error
	PutPostcodes(ctx context.Context, batch []PostcodePlaces) error
}
