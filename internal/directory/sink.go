package directory

import (
	"context"
	"errors"
)

// ErrImporting is returned while an import into the same directory is under way.
var ErrImporting = errors.New("another import into the directory is under way")

// PostcodePlaces says where one postcode lies. The postcode is written as
// NormalPostcode does ("LS17 7DF").
type PostcodePlaces struct {
	Postcode string
	Places
}

// Sink stores what an import reads, in batches. Each call is stored wholly or
// not at all. An entry replaces the entry with the same number, code or
// postcode. The slices belong to the importer and change after the call.
type Sink interface {
	PutPatients(ctx context.Context, batch []Patient) error
	PutOrganisations(ctx context.Context, batch []Organisation) error
	PutPostcodes(ctx context.Context, batch []PostcodePlaces) error
}

// Contents says of which kinds of entries there are any.
type Contents struct{ Patients, Organisations, Postcodes bool }
