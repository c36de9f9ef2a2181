package directory

import (
	"context"
	"errors"
	"fmt"

	"nems/internal/nhs"
)

// named records an area that a row names.
func (im *importer) named(codes ...string) {
	for _, code := range codes {
		if code == "" || im.areas[code] {
			continue
		}
		if im.areas == nil {
			im.areas = map[string]bool{}
		}
		im.areas[code] = true
	}
}

// putAreas stores as organisations those ICB sub-locations and local
// authorities that the file named and the directory does not have.
// Subscriptions may name them, and no published file of organisations lists
// both. What a file of organisations says about them is kept, whichever file is
// imported first.
func (im *importer) putAreas(ctx context.Context, sink Sink) error {
	directory, ok := sink.(Organisations)
	if !ok {
		return nil
	}
	var missing []Organisation
	for area := range im.areas {
		code, err := nhs.ParseODSCode(area)
		if err != nil {
			continue
		}
		_, err = directory.Organisation(ctx, code)
		if errors.Is(err, ErrNotFound) {
			missing = append(missing, Organisation{Code: code})
		} else if err != nil {
			return fmt.Errorf("directory: looking for the areas of the file: %w", err)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := sink.PutOrganisations(ctx, missing); err != nil {
		return fmt.Errorf("directory: storing the areas of the file: %w", err)
	}
	return nil
}
