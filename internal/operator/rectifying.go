package operator

import (
	"context"
	"errors"
	"slices"
	"time"

	"nems/internal/audit"
	"nems/internal/event"
	"nems/internal/fhir"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// rectifying is the work on one question.
type rectifying struct {
	desk     Desk
	question RectificationQuestion
	names    subscription.Names
	patient  nhs.NHSNumber
	event    store.EventID // the one that is asked for; 0 for all of a patient
	code     string        // its type
	thing    string        // what it is about; "" where that is not known any more
	evidence evidence
	out      Rectifications
}

// version is an event about a thing.
type version struct {
	store.AcceptedEvent
	removed bool   // known from the audit alone: nothing tells what it was about
	thing   string // what it is about
}

// corrects tells whether the version corrects or withdraws another.
func (v *version) corrects() bool {
	return v.Kind == string(event.Update) || v.Kind == string(event.Delete)
}

// begin finds the event that is asked for, in the store or in the audit.
func (r *rectifying) begin(ctx context.Context) error {
	d := r.desk
	id, err := d.eventNamed(ctx, r.question.Event, time.Time{})
	if err != nil {
		return err
	}
	r.event = id
	accepted, err := d.Store.AcceptedEvent(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return r.beginRemoved(ctx)
	}
	if err != nil {
		return err
	}
	r.code, r.patient = accepted.Code, accepted.Patient
	subject, patient, err := d.subject(ctx, id)
	if err != nil {
		return err
	}
	if r.patient.IsZero() {
		r.patient = patient
	}
	if r.thing = thing(subject); r.thing == "" {
		return conflict("nothing in event %d tells which events correct it: its focus has no identifier", id)
	}
	return nil
}

// beginRemoved finds an event that retention has removed in the audit: its number is the
// moment of its acceptance.
func (r *rectifying) beginRemoved(ctx context.Context) error {
	d := r.desk
	at := d.Store.Moment(r.event)
	span, err := d.Store.AuditSpan(ctx, sooner(at), later(at))
	if err != nil {
		return err
	}
	for span.First <= span.Last {
		links, err := d.Store.AuditLinks(ctx, span, false, mostLinks)
		if err != nil {
			return err
		}
		if len(links) == 0 {
			break
		}
		for _, link := range links {
			entries, err := link.Unpack()
			if err != nil {
				return unreadable(link.Link, err)
			}
			for _, e := range entries {
				if e.Action == audit.ActionPublish && e.Outcome == "" && eventOf(e) == r.event {
					r.patient, r.code = e.Patient, e.EventType
					return nil
				}
			}
		}
		span = span.Behind(links[len(links)-1], false)
	}
	return named(store.ErrNotFound, "event", r.question.Event)
}

// subject reads what an event is about. One whose message cannot be read has none.
func (d Desk) subject(ctx context.Context, id store.EventID) (none event.Subject, patient nhs.NHSNumber, err error) {
	message, err := d.Store.EventMessage(ctx, id)
	if errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrNotFound) {
		return none, patient, nil
	}
	if err != nil {
		return none, patient, err
	}
	doc, _, err := fhir.ParseXML(message)
	if err != nil {
		return none, patient, nil //nolint:nilerr // published at another API: nothing corrects it
	}
	e, _ := event.Read(doc)
	subject := event.SubjectOf(doc, &e)
	patient, _ = nhs.ParseNHSNumber(subject.NHSNumber)
	return subject, patient, nil
}

// thing names what an event is about, the same over all its versions.
func thing(s event.Subject) string {
	if event.FromSpine(s.Code) && s.Code != event.BirthNotification {
		return s.Code // of one patient
	}
	name, decisive := s.Sequence()
	if !decisive {
		return ""
	}
	return name
}

// trails finds the things of the patient and what became of each.
func (r *rectifying) trails(ctx context.Context) (Rectifications, error) {
	r.out.Trails = []Rectification{}
	found, removed, err := r.versions(ctx)
	if err != nil {
		return r.out, err
	}
	for _, versions := range found {
		if first := &versions[0]; first.corrects() || first.removed {
			// What it corrects is not there any more: it may be any of these.
			earlier := slices.DeleteFunc(slices.Clone(removed[first.Code]), func(v version) bool { return v.Event >= first.Event })
			versions = append(earlier, versions...)
		}
		if !r.asked(versions) {
			continue
		}
		trail, err := r.trail(ctx, versions)
		if err != nil {
			return r.out, err
		}
		r.out.Trails = append(r.out.Trails, trail)
	}
	if r.event != 0 && len(r.out.Trails) == 0 {
		for _, v := range removed[r.code] {
			if v.Event == r.event {
				trail, err := r.trail(ctx, []version{v})
				r.out.Trails = append(r.out.Trails, trail)
				return r.out, err
			}
		}
	}
	return r.out, nil
}

// asked tells whether a thing is asked for: the one of an event, or what was corrected.
func (r *rectifying) asked(versions []version) bool {
	if r.event != 0 {
		return slices.ContainsFunc(versions, func(v version) bool { return v.Event == r.event })
	}
	return slices.ContainsFunc(versions, func(v version) bool { return v.corrects() })
}

// versions reads the events about the patient, by what they are about, each in the order
// of acceptance; those of which nothing is known any more by their types.
func (r *rectifying) versions(ctx context.Context) (found [][]version, removed map[string][]version, err error) {
	at, read := map[string]int{}, 0
	removed = map[string][]version{}
	for _, e := range r.evidence.published {
		if r.code != "" && e.EventType != r.code {
			continue
		}
		if read++; read > mostVersions {
			r.out.More = true
			break
		}
		v, err := r.version(ctx, e)
		switch {
		case err != nil:
			return nil, nil, err
		case v.removed && v.thing == "":
			removed[v.Code] = append(removed[v.Code], v)
			r.out.Removed++
			continue
		case v.thing == "":
			continue
		}
		if _, known := at[v.thing]; !known {
			at[v.thing], found = len(found), append(found, nil)
		}
		found[at[v.thing]] = append(found[at[v.thing]], v)
	}
	return found, removed, nil
}

// version reads an event of which the audit tells.
func (r *rectifying) version(ctx context.Context, e audit.Entry) (v version, err error) {
	accepted, err := r.desk.Store.AcceptedEvent(ctx, eventOf(e))
	if errors.Is(err, store.ErrNotFound) {
		v = version{AcceptedEvent: store.AcceptedEvent{Event: eventOf(e), At: e.At, Code: e.EventType, Publisher: e.ASID}, removed: true}
		v.thing = thing(event.Subject{Code: e.EventType})
		return v, nil
	}
	if err != nil {
		return v, err
	}
	subject, _, err := r.desk.subject(ctx, accepted.Event)
	return version{AcceptedEvent: accepted, thing: thing(subject)}, err
}

func (v *version) shown() Version {
	return Version{Event: int64(v.Event), Kind: v.Kind, Accepted: v.At, Publisher: v.Publisher, MessageID: v.MessageID, Removed: v.removed}
}
