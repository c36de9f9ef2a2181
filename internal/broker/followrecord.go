package broker

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"nems/internal/audit"
	"nems/internal/demographics"
	"nems/internal/directory"
	"nems/internal/store"
)

// follow brings stored records up to what an event of the Spine says that was
// published here by somebody else. The event is published already, so the version
// makes none. Following twice changes nothing.
func (b *Broker) follow(ctx context.Context, changes []directory.Change) error {
	if b.Records == nil {
		return nil
	}
	for _, c := range changes {
		if err := b.followChange(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (b *Broker) followChange(ctx context.Context, c directory.Change) error {
	before, err := b.Records.PatientRecord(ctx, c.NHSNumber)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDamaged) {
		return nil // nobody has changed the record here
	}
	if err != nil || !c.At.LastUpdated.After(before.Updated) {
		return err
	}
	after := before.Clone()
	after.Take(c)
	if after.Check() != nil || len(demographics.Diff(&before, &after)) == 0 {
		return nil // it says less than a record must
	}
	after.SCN, after.Updated = max(before.SCN+1, c.At.SCN), c.At.LastUpdated.Truncate(time.Microsecond)
	_, err = b.Records.ChangeRecord(ctx, &store.RecordChange{
		Record: after, Expected: before.SCN, Request: uuid.New(), Who: "an event of the Spine",
		Audit: audit.Entry{At: b.Now(), Action: audit.ActionDirectory, Patient: c.NHSNumber, Status: 200, Count: 1},
	})
	if errors.Is(err, store.ErrStale) {
		return nil // another node was faster, or somebody knows better
	}
	return err
}
