package broker

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/demographics"
	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/internal/store"
)

// PatientRecord implements RecordFinder: the stored record, or what the directory
// knows of a patient whose record was never changed here. That has version 1 and no
// Record.Updated.
func (b *Broker) PatientRecord(ctx context.Context, n nhs.NHSNumber) (demographics.Record, error) {
	if b.Records == nil {
		return demographics.Record{}, ErrNoRecords
	}
	record, err := b.Records.PatientRecord(ctx, n)
	if !errors.Is(err, store.ErrNotFound) {
		return record, err
	}
	p, err := b.Patients.Patient(ctx, n)
	if errors.Is(err, directory.ErrNotFound) {
		return record, store.ErrNotFound
	}
	return demographics.FromDirectory(p), err
}

// RecordVersions implements RecordFinder.
func (b *Broker) RecordVersions(ctx context.Context, n nhs.NHSNumber, max int) ([]store.RecordVersion, error) {
	if b.Records == nil {
		return nil, ErrNoRecords
	}
	return b.Records.RecordVersions(ctx, n, max)
}

// FindRecords implements RecordFinder: records that are stored here.
func (b *Broker) FindRecords(ctx context.Context, q demographics.Query) ([]demographics.Record, error) {
	if b.Records == nil {
		return nil, ErrNoRecords
	}
	return b.Records.FindRecords(ctx, q)
}

// loadedAtOnce is how many records share the store's commits.
const loadedAtOnce = 256

// LoadRecords keeps records of patients who have none, without any event, and says how
// many those were. An error means that some may be kept: loading again goes on.
func (b *Broker) LoadRecords(ctx context.Context, by access.Caller, all []demographics.Record) (loaded int, err error) {
	if b.Records == nil {
		return 0, ErrNoRecords
	}
	var fresh atomic.Int64
	changes := make([]directory.Change, len(all))
	g, within := errgroup.WithContext(ctx)
	g.SetLimit(loadedAtOnce)
	for i := range all {
		g.Go(func() error {
			r := all[i]
			r.SCN, r.Updated = 1, b.Now().UTC()
			e := Entry(by, audit.ActionChangeRecord)
			e.At, e.Patient, e.Status = b.Now(), r.NHSNumber, 200
			_, err := b.Records.ChangeRecord(within, &store.RecordChange{
				Record: r, Position: b.Journal.NextPosition(), Request: uuid.New(), Who: asked(by), Audit: e,
			})
			if errors.Is(err, store.ErrStale) {
				return nil // has a record already
			}
			if err == nil {
				fresh.Add(1)
				changes[i] = r.Change()
			}
			return err
		})
	}
	err = g.Wait()
	b.learnRecords(ctx, changes)
	return int(fresh.Load()), err
}

// learnRecords teaches this node's directory what was loaded. What fails here, CatchUp
// does.
func (b *Broker) learnRecords(ctx context.Context, changes []directory.Change) {
	var learnt []directory.Change
	for _, c := range changes {
		if c.Whole {
			learnt = append(learnt, c)
		}
	}
	if b.Learner != nil && len(learnt) > 0 {
		_ = b.learnAll(context.WithoutCancel(ctx), learnt, audit.Entry{})
	}
}
