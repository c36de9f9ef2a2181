package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"nems/internal/audit"
	"nems/internal/directory"
	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/nhs"
	"nems/internal/refuse"
	"nems/internal/store"
)

// Backlog stores the events that were accepted while the patient directory
// could not be reached. Safe for concurrent use, also by several nodes.
type Backlog interface {
	// PendingEvents returns up to max waiting events after the given one, oldest first.
	PendingEvents(ctx context.Context, after store.EventID, max int) ([]store.EventID, error)
	// EventMessage returns the message of an event as it was published. It returns
	// store.ErrNotFound when there is no such event, and store.ErrDamaged when the
	// bytes no longer have the SHA-256 recorded at acceptance.
	EventMessage(ctx context.Context, event store.EventID) ([]byte, error)
	// RouteEvent matches an event against the subscriptions that were active at its
	// acceptance and have not ended since, and writes its copies, in one
	// transaction. It returns store.ErrNotFound when the event no longer waits.
	RouteEvent(ctx context.Context, r store.Routing) (store.Receipt, error)
}

// pendingPage is how many waiting events are read at a time. After mostAway
// failures in a row the directory counts as unreachable; a single patient whose
// record cannot be had must not hold up the others.
const (
	pendingPage = 100
	mostAway    = 10
)

// RouteDeferred routes the events that wait for the patient directory, oldest
// first, and returns how many. It stops with directory.ErrAway while the
// directory cannot be reached, and at the first error of the store. If only one
// event's patient cannot be looked up, that event is left for the next time.
func (b *Broker) RouteDeferred(ctx context.Context) (routed int, err error) {
	away := 0
	for after := store.EventID(0); ; {
		waiting, err := b.Journal.PendingEvents(ctx, after, pendingPage)
		if err != nil || len(waiting) == 0 {
			return routed, err
		}
		for _, id := range waiting {
			err := b.routeDeferred(ctx, id)
			switch {
			case errors.Is(err, store.ErrNotFound): // another node was faster
			case errors.Is(err, directory.ErrAway) && away+1 < mostAway:
				away++
			case err != nil:
				return routed, fmt.Errorf("routing event %d: %w", id, err)
			default:
				routed, away = routed+1, 0
			}
		}
		after = waiting[len(waiting)-1]
	}
}

func (b *Broker) routeDeferred(ctx context.Context, id store.EventID) error {
	r := store.Routing{Event: id, Audit: audit.Entry{Action: audit.ActionRoute, At: b.Now(), Object: strconv.FormatInt(int64(id), 10), Status: 200}}
	message, err := b.Journal.EventMessage(ctx, id)
	switch {
	case errors.Is(err, store.ErrDamaged):
		unroutable(&r, refuse.InternalServerErrorCode, "the stored message is damaged")
	case err != nil:
		return err
	default:
		if err := b.lookUp(ctx, message, &r); err != nil {
			return err
		}
	}
	_, err = b.Journal.RouteEvent(ctx, r)
	return err
}

// lookUp reads the accepted message again and fills in whom it is about, or why
// it cannot be routed. Its publisher was answered long ago, so a refusal now is
// for an operator to see.
func (b *Broker) lookUp(ctx context.Context, message []byte, r *store.Routing) error {
	doc, _, err := fhir.ParseXML(message)
	if err != nil {
		unroutable(r, refuse.MessageNotWellFormedCode, "the stored message cannot be read")
		return nil
	}
	e, _ := event.Read(doc)
	number, err := nhs.ParseNHSNumber(e.Routing.NHSNumber)
	if err != nil {
		number = nhs.NHSNumber{} // a birth: publishing lets no other event pass without a number
	}
	r.Audit.EventType, r.Audit.Patient = e.Code, number
	route, err := b.locate(ctx, &e, number)
	if errors.Is(err, directory.ErrNotFound) {
		unroutable(r, refuse.PatientNotFoundCode, "the patient directory does not have the patient")
		return nil
	}
	if err != nil {
		return err
	}
	if parts := differences(&e, number, route.Patient); len(parts) > 0 {
		unroutable(r, refuse.InvalidPatientDemographicsCode, "the routing demographics differ from the record in: "+strings.Join(parts, ", "))
		return nil
	}
	r.Facts, r.Withheld = route.Facts(e.Code, b.Journal.Moment(r.Event)), route.Withheld
	return nil
}

// unroutable prevents the event from making copies. code is the Spine code that
// a publisher would have got.
func unroutable(r *store.Routing, code refuse.Code, why string) {
	r.Refusal, r.Audit.Outcome, r.Audit.Status = why, string(code), 0
}
