package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"nems/internal/access"
	"nems/internal/audit"
	"nems/internal/demographics"
	"nems/internal/nhs"
	"nems/internal/store"
)

// RecordFinder finds patients' records. Safe for concurrent use.
type RecordFinder interface {
	// PatientRecord returns the version of a record that counts; store.ErrNotFound
	// when there is none.
	PatientRecord(ctx context.Context, n nhs.NHSNumber) (demographics.Record, error)
	// RecordVersions returns up to max versions of a record, the newest first.
	// Replaced ones are kept for as long as events are.
	RecordVersions(ctx context.Context, n nhs.NHSNumber, max int) ([]store.RecordVersion, error)
	// FindRecords returns up to q.Max records that q selects, by their numbers.
	FindRecords(ctx context.Context, q demographics.Query) ([]demographics.Record, error)
}

// RecordKeeper keeps patients' records. Safe for concurrent use.
type RecordKeeper interface {
	RecordFinder
	// ChangeRecord stores a new version together with its events, or nothing. The
	// receipts are those of the events. It returns store.ErrStale when the stored
	// version is not the expected one.
	ChangeRecord(ctx context.Context, c *store.RecordChange) ([]store.Receipt, error)
}

// RecordRequest asks for a change of a patient's record.
type RecordRequest struct {
	Patient nhs.NHSNumber
	// Version is the version to which the request refers; 0 means whichever counts.
	Version int64
	// New means that the patient must not have a record yet.
	New bool
	// ID tells a request that is repeated from another one. The ids of the messages
	// follow from it. The zero UUID stands for a fresh one.
	ID uuid.UUID
	// Edit changes the record, which for a new patient has the number alone. Its
	// error refuses the request. It may be called more than once.
	Edit func(*demographics.Record) error
	// Birth is set for a newborn: instead of a change, the birth is notified. Born is
	// when it was.
	Birth *demographics.Birth
	Born  time.Time
	// Caller is who asks. ByCitizen says that the patients asked themselves.
	Caller    access.Caller
	ByCitizen bool
}

// RecordChanged is the result of a change.
type RecordChanged struct {
	Record demographics.Record
	// Events are those that the change made, in the order in which they were
	// published; none if nothing differs.
	Events []RecordEvent
	// Repeated says that the request was done before.
	Repeated bool
}

// RecordEvent is one event that a change made.
type RecordEvent struct {
	Event     store.EventID
	Code      string
	MessageID string
	// Copies is how many mailboxes got the message. Withheld says that none did,
	// because the patient is flagged.
	Copies   int
	Withheld bool
}

// Errors of ChangeRecord, beside those of the store and of the request's Edit.
var (
	// ErrNoRecords says that another PDS keeps the records.
	ErrNoRecords = errors.New("the records of patients are kept by another PDS, and changed there")
	// ErrRecordExists refuses a new record for a patient who has one.
	ErrRecordExists = errors.New("the patient has a record already")
	// ErrSuperseded refuses to change the record of a number that is superseded.
	ErrSuperseded = errors.New("the NHS number is superseded: the record is kept under the other one")
)

// recordTries is how often a change is made again that nobody has tied to a version
// while others change the same record.
const recordTries = 8

// ChangeRecord changes a patient's record and publishes the events of the change.
// When it returns without an error, the new version, the events and their
// deliveries are on disk. The messages pass the same checks as those of publishers.
// Errors are store.ErrNotFound, store.ErrStale, those above, and what Edit and
// demographics.Record.Check return.
func (b *Broker) ChangeRecord(ctx context.Context, r RecordRequest) (RecordChanged, error) {
	if b.Records == nil {
		return RecordChanged{}, ErrNoRecords
	}
	if r.ID == uuid.Nil {
		r.ID = uuid.New()
	}
	for try := 1; ; try++ {
		done, err := b.changeRecord(ctx, &r)
		if !errors.Is(err, store.ErrStale) {
			return done, err
		}
		// The version may be that of this very request, sent twice at the same time.
		if earlier, known, err := b.changedBefore(ctx, &r); known || err != nil {
			return earlier, err
		}
		if r.Version != 0 || try == recordTries {
			return done, err
		}
	}
}

func (b *Broker) changeRecord(ctx context.Context, r *RecordRequest) (RecordChanged, error) {
	before, stored, err := b.recordBefore(ctx, r)
	if err != nil {
		return RecordChanged{}, err
	}
	if stored {
		if done, known, err := b.changedBefore(ctx, r); known || err != nil {
			return done, err
		}
	}
	switch {
	case r.New && before != nil:
		return RecordChanged{}, ErrRecordExists
	case before != nil && !before.SupersededBy.IsZero():
		return RecordChanged{}, ErrSuperseded
	case r.Version != 0 && r.Version != before.SCN:
		return RecordChanged{}, store.ErrStale
	}
	after := demographics.Record{NHSNumber: r.Patient}
	if before != nil {
		after = before.Clone()
	}
	if err := r.Edit(&after); err != nil {
		return RecordChanged{}, err
	}
	var mother *demographics.Record
	if r.Birth != nil {
		if mother, err = b.mother(ctx, r.Birth); err != nil {
			return RecordChanged{}, err
		}
		r.Birth.Born(&after, mother, r.Born)
	}
	if other := after.SupersededBy; !other.IsZero() {
		if err := b.supersedes(ctx, &after, other); err != nil {
			return RecordChanged{}, err
		}
	}
	return b.putRecord(ctx, r, before, after, stored, mother)
}

// recordBefore returns the record that the request is about, and whether it is
// stored. The directory knows patients whose records were never changed here. nil
// stands for a patient who is new.
func (b *Broker) recordBefore(ctx context.Context, r *RecordRequest) (before *demographics.Record, stored bool, err error) {
	record, err := b.PatientRecord(ctx, r.Patient)
	switch {
	case errors.Is(err, store.ErrNotFound) && r.New:
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	return &record, !record.Updated.IsZero(), nil
}

// changedBefore finds what a request came to that is repeated.
func (b *Broker) changedBefore(ctx context.Context, r *RecordRequest) (done RecordChanged, known bool, err error) {
	versions, err := b.Records.RecordVersions(ctx, r.Patient, recordMemory)
	if err != nil {
		return done, false, err
	}
	for _, v := range versions {
		if v.Request != r.ID {
			continue
		}
		done = RecordChanged{Record: v.Record, Repeated: true}
		for _, e := range v.Events {
			done.Events = append(done.Events, RecordEvent{Event: e.Event, Code: e.Code, MessageID: messageID(r.ID, e.Code), Withheld: e.Withheld})
		}
		return done, true, nil
	}
	return done, false, nil
}

// recordMemory is how many changes of a record later a request is still known as
// one that is repeated.
const recordMemory = 16

// messageID is the id of a message that a request makes: a repeated request makes
// the same one, and whoever knows the seed of a scenario knows all of them.
func messageID(request uuid.UUID, code string) string {
	return uuid.NewSHA1(request, []byte(code)).String()
}

// putRecord stores the new version with its events.
func (b *Broker) putRecord(ctx context.Context, r *RecordRequest, before *demographics.Record, after demographics.Record, stored bool, mother *demographics.Record) (RecordChanged, error) {
	if err := after.CheckAsOf(b.Now()); err != nil {
		return RecordChanged{}, err
	}
	codes := demographics.Diff(before, &after)
	if r.Birth != nil {
		codes = []string{demographics.BirthNotification} // nobody has read the record yet
	}
	if len(codes) == 0 {
		return RecordChanged{Record: after}, nil
	}
	after.SCN, after.Updated = 1, b.Now().UTC().Truncate(time.Millisecond)
	change := store.RecordChange{Position: b.Journal.NextPosition(), Request: r.ID, Who: asked(r.Caller), Audit: b.recordEntry(r)}
	if before != nil {
		after.SCN = before.SCN + 1
		if !after.Updated.After(before.Updated) {
			after.Updated = before.Updated.Add(time.Millisecond) // the newest version is the latest
		}
	}
	if stored {
		change.Expected = before.SCN
	}
	change.Record = after
	messages, err := b.compose(ctx, r, before, &after, codes, mother)
	if err != nil {
		return RecordChanged{}, err
	}
	done := RecordChanged{Record: after}
	for i, m := range messages {
		e, err := b.prepare(ctx, r, &after, m)
		if err != nil {
			return RecordChanged{}, fmt.Errorf("the record makes no valid %s: %w", codes[i], err)
		}
		change.Events = append(change.Events, e)
	}
	receipts, err := b.Records.ChangeRecord(ctx, &change)
	if err != nil {
		return RecordChanged{}, err
	}
	for i, receipt := range receipts {
		e := &change.Events[i]
		done.Events = append(done.Events, RecordEvent{Event: e.Event, Code: e.Code, MessageID: e.MessageID, Copies: receipt.Copies, Withheld: e.Withheld})
	}
	b.learnRecord(ctx, &after)
	return done, nil
}

// asked names who asked for a change.
func asked(c access.Caller) string {
	if c.User != "" {
		return c.User
	}
	return string(c.ASID)
}

func (b *Broker) recordEntry(r *RecordRequest) audit.Entry {
	e := Entry(r.Caller, audit.ActionChangeRecord)
	e.At, e.Patient, e.Status, e.Object = b.Now(), r.Patient, 200, r.ID.String()
	return e
}
