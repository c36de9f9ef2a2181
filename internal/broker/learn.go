package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"nems/internal/audit"
	"nems/internal/crashpoint"
	"nems/internal/directory"
	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/nhs"
	"nems/internal/store"
)

// Learner is a directory of patients that learns from the events of the Spine.
// Each node may have its own. Safe for concurrent use.
type Learner interface {
	// Learn applies changes and returns how many records differ now. A change
	// older than what is known has no effect, so Learn can be repeated.
	Learn(ctx context.Context, changes []directory.Change) (int, error)
	// Mark returns up to where the changes of a journal were learnt, 0 at first.
	// SetMark stores it, after they were learnt.
	Mark(ctx context.Context) (int64, error)
	SetMark(ctx context.Context, mark int64) error
}

// Changes are the accepted events that change patients' records.
type Changes interface {
	// PatientChanges returns about max changes from a mark on, in the order of their
	// commits. None is left out, even when nodes commit concurrently. A mark beyond
	// the last commit comes from another database; then the page begins with the
	// first change.
	PatientChanges(ctx context.Context, from int64, max int) (store.PatientChanges, error)
}

// changesPage is how many changes are read at a time.
const changesPage = 500

// learnNow teaches the directory at once, before the publisher is answered,
// what CatchUp would teach it later. If it fails here, CatchUp repeats it.
func (b *Broker) learnNow(ctx context.Context, id store.EventID, e *event.Event) {
	if b.Learner != nil && fromSpine(e.Code) {
		crashpoint.Hit(crashpoint.Learn)
		_ = b.learn(context.WithoutCancel(ctx), id, e)
	}
}

// CatchUp teaches the directory what any node has accepted since its mark, and
// returns how many events that were.
func (b *Broker) CatchUp(ctx context.Context) (learnt int, err error) {
	mark, err := b.Learner.Mark(ctx)
	if err != nil {
		return 0, err
	}
	for from, more := mark, true; more; {
		page, err := b.Journal.PatientChanges(ctx, from, changesPage)
		if err != nil {
			return learnt, err
		}
		for _, id := range page.Events {
			if err := b.learnAgain(ctx, id); err != nil {
				return learnt, fmt.Errorf("learning from event %d: %w", id, err)
			}
			learnt++
		}
		for _, n := range page.Patients {
			if err := b.learnStored(ctx, n); err != nil {
				return learnt, fmt.Errorf("learning a changed record: %w", err)
			}
			learnt++
		}
		if page.Mark != mark {
			if err := b.Learner.SetMark(ctx, page.Mark); err != nil {
				return learnt, err
			}
		}
		mark, from, more = page.Mark, page.Next, page.Next != 0
	}
	return learnt, nil
}

// learnAgain reads the message of an accepted event again.
func (b *Broker) learnAgain(ctx context.Context, id store.EventID) error {
	message, err := b.Journal.EventMessage(ctx, id)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDamaged) {
		return nil // purged since, or damaged, which the store's checks report
	}
	if err != nil {
		return err
	}
	doc, _, err := fhir.ParseXML(message)
	if err != nil {
		return nil //nolint:nilerr // the event was accepted, so a message that cannot be read teaches nothing
	}
	e, _ := event.Read(doc)
	return b.learn(ctx, id, &e)
}

// learnStored teaches the directory the record that is kept of a patient.
func (b *Broker) learnStored(ctx context.Context, n nhs.NHSNumber) error {
	record, err := b.Records.PatientRecord(ctx, n)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDamaged) {
		return nil // damaged records the store's checks report
	}
	if err != nil {
		return err
	}
	return b.learnAll(ctx, []directory.Change{record.Change()}, audit.Entry{Patient: n})
}

func (b *Broker) learn(ctx context.Context, id store.EventID, e *event.Event) error {
	learnt := changes(b.Journal.Moment(id), e)
	if err := b.follow(ctx, learnt); err != nil {
		return err
	}
	return b.learnAll(ctx, learnt, audit.Entry{Object: strconv.FormatInt(int64(id), 10), EventType: e.Code, Patient: patientOf(e)})
}

// learnAll applies changes and has the audit tell if anything differs now.
func (b *Broker) learnAll(ctx context.Context, changes []directory.Change, entry audit.Entry) error {
	n, err := b.Learner.Learn(ctx, changes)
	if n > 0 {
		entry.Action, entry.At, entry.Status, entry.Count = audit.ActionDirectory, b.Now(), 200, n
		b.Record(entry)
	}
	return err
}

// changes returns what an event of the Spine says about the patients that it
// carries. The routing demographics are part of the record too.
func changes(accepted time.Time, e *event.Event) []directory.Change {
	updated, err := time.Parse(time.RFC3339, e.LastUpdated)
	if err != nil {
		updated = accepted
	}
	routing, _ := nhs.ParseNHSNumber(e.Routing.NHSNumber)
	var all []directory.Change
	for _, patient := range e.Patients {
		c := change(e, patient)
		if c.NHSNumber.IsZero() {
			continue
		}
		if c.NHSNumber == routing {
			fromRouting(&c, e.Routing)
		}
		c.At.LastUpdated = updated.UTC()
		all = append(all, c)
	}
	return all
}

func change(e *event.Event, p event.Patient) directory.Change {
	var c directory.Change
	c.Family, c.Given = p.Name()
	if len(p.NHSNumbers) > 0 {
		c.NHSNumber, _ = nhs.ParseNHSNumber(p.NHSNumbers[0])
	}
	c.At.SCN, _ = strconv.ParseInt(p.VersionID(), 10, 64)
	c.BirthDate, _ = time.Parse(time.DateOnly, p.BirthDate())
	for _, postcode := range homes(p) {
		if normal, ok := directory.NormalPostcode(postcode); ok {
			c.Postcode = normal
			break
		}
	}
	if gps := practices(p); len(gps) > 0 {
		c.GP = gps[0]
	} else {
		c.Left = e.Code == pdsChangeOfGP
	}
	return c
}

// fromRouting fills in from the routing demographics what the Patient lacks.
func fromRouting(c *directory.Change, r event.Routing) {
	if c.Family == "" {
		c.Family = r.Family
	}
	if len(c.Given) == 0 && r.Given != "" {
		c.Given = []string{r.Given}
	}
	if c.BirthDate.IsZero() {
		c.BirthDate, _ = time.Parse(time.DateOnly, r.BirthDay())
	}
}
