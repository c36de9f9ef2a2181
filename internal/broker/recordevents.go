package broker

import (
	"context"
	"errors"

	"nems/internal/audit"
	"nems/internal/crashpoint"
	"nems/internal/demographics"
	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/internal/store"
)

// prepare takes a message of a change through the stages of publishing. The record
// stands in for the directory, which has not learnt of the change yet.
func (b *Broker) prepare(ctx context.Context, r *RecordRequest, record *demographics.Record, message []byte) (store.Acceptance, error) {
	p := publication{caller: r.Caller, body: message}
	p.caller.ASID = demographics.PublisherASID
	known := *b
	known.Patients = changed{b.Patients, record}
	known.router.Patients = known.Patients
	for _, stage := range []func(context.Context, *publication) error{
		b.parse, b.readFacts, b.findType, b.checkNumber, b.judge, b.lifeCycle, known.findPatient,
	} {
		if err := stage(ctx, &p); err != nil {
			return store.Acceptance{}, err
		}
	}
	a := b.acceptance(&p, "")
	a.Withheld = a.Withheld || record.Withheld()
	a.Demographic = false // the directory learns the record as a whole
	return a, nil
}

// changed is the directory as it will be after a change.
type changed struct {
	directory.Patients
	record *demographics.Record
}

// Patient implements directory.Patients.
func (c changed) Patient(ctx context.Context, n nhs.NHSNumber) (directory.Patient, error) {
	if n != c.record.NHSNumber {
		return c.Patients.Patient(ctx, n)
	}
	p := c.record.Directory()
	if p.SupersededBy.IsZero() {
		return p, nil
	}
	other, err := c.Patients.Patient(ctx, p.SupersededBy)
	if errors.Is(err, directory.ErrNotFound) {
		return p, nil
	}
	other.NHSNumber, other.SupersededBy = p.NHSNumber, p.SupersededBy
	other.Sensitive, other.Invalid = other.Sensitive || p.Sensitive, other.Invalid || p.Invalid
	return other, err
}

// supersedes refuses a number that cannot stand for another one's patient.
func (b *Broker) supersedes(ctx context.Context, r *demographics.Record, n nhs.NHSNumber) error {
	other, err := b.PatientRecord(ctx, n)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return &demographics.InvalidError{Element: "supersededBy", Expected: "the number of a patient who has a record"}
	case err == nil && r.Sensitive && !other.Withheld():
		// Events about the one person would flow again, under the other number.
		return &demographics.InvalidError{Element: "supersededBy", Expected: "a record that is flagged too, because this one is sensitive: flag the other first, or remove the flag of this one"}
	case err == nil && !other.SupersededBy.IsZero():
		return &demographics.InvalidError{Element: "supersededBy", Expected: "the number of a record that is not superseded itself"}
	}
	return err
}

// learnRecord teaches this node's directory a record. What fails here, CatchUp does.
func (b *Broker) learnRecord(ctx context.Context, r *demographics.Record) {
	if b.Learner != nil {
		crashpoint.Hit(crashpoint.Learn)
		_ = b.learnAll(context.WithoutCancel(ctx), []directory.Change{r.Change()}, audit.Entry{Patient: r.NHSNumber})
	}
}

// mother returns the record of the mother of a newborn, nil if she has none here.
func (b *Broker) mother(ctx context.Context, birth *demographics.Birth) (*demographics.Record, error) {
	if err := birth.Check(); err != nil || birth.Mother == "" {
		return nil, err
	}
	number, err := nhs.ParseNHSNumber(birth.Mother)
	if err != nil {
		return nil, &demographics.InvalidError{Element: "mother", Expected: "an NHS number: " + err.Error()}
	}
	record, err := b.PatientRecord(ctx, number)
	if errors.Is(err, store.ErrNotFound) {
		return nil, &demographics.InvalidError{Element: "mother", Expected: "the number of a patient who has a record, or whom the directory knows"}
	}
	return &record, err
}

// compose writes the messages of a change, in the order of their codes.
func (b *Broker) compose(ctx context.Context, r *RecordRequest, before, after *demographics.Record, codes []string, mother *demographics.Record) ([][]byte, error) {
	w := demographics.Writer{
		Organisation: func(code nhs.ODSCode) (directory.Organisation, error) { return b.Organisations.Organisation(ctx, code) },
		ID:           func(code string) string { return messageID(r.ID, code) },
		Sent:         b.Now(), ByCitizen: r.ByCitizen, By: r.Caller.ODS,
	}
	if r.Birth != nil {
		m, err := w.Notification(*r.Birth, after, mother)
		return [][]byte{m}, err
	}
	messages := make([][]byte, len(codes))
	for i, code := range codes {
		m, err := w.Message(code, before, after)
		if err != nil {
			return nil, err
		}
		messages[i] = m
	}
	return messages, nil
}
