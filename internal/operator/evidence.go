package operator

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"nems/internal/audit"
	"nems/internal/mesh"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// evidence is what the audit has about one patient, whatever retention has removed.
type evidence struct {
	published []audit.Entry                            // accepted events, in the order of their numbers
	taken     map[store.EventID]map[string]audit.Entry // the first download or acknowledgement, by mailbox
	ended     map[string]audit.Entry                   // subscriptions to the patient that somebody ended
}

// number is the number of an event as the audit has it.
func number(id store.EventID) string { return strconv.FormatInt(int64(id), 10) }

// evidence reads the audit about a patient: publishes of [from, to), and all that was
// collected.
func (d Desk) evidence(ctx context.Context, patient nhs.NHSNumber, from, to time.Time) (out evidence, err error) {
	out = evidence{taken: map[store.EventID]map[string]audit.Entry{}, ended: map[string]audit.Entry{}}
	span, err := d.Store.AuditSpan(ctx, sooner(from), time.Time{})
	if err != nil {
		return out, err
	}
	for found, links := (store.AuditAbout{Rest: span}), 0; !found.Whole(); {
		if found, err = d.Store.AuditAbout(ctx, found.Rest, []nhs.NHSNumber{patient}, mostLinks, mostEntries); err != nil {
			return out, err
		}
		for _, link := range found.Links {
			entries, err := link.Unpack()
			if err != nil {
				return out, unreadable(link.Link, err)
			}
			for _, e := range entries {
				if e.Patient == patient && e.Outcome == "" {
					out.add(e, from, to)
				}
			}
		}
		if links += len(found.Links); links > mostPatientLinks {
			return out, invalid("from", "from: very much happened about this patient: give from and to")
		}
		if err := ctx.Err(); err != nil {
			return out, err
		}
	}
	slices.SortStableFunc(out.published, func(a, b audit.Entry) int { return cmp.Compare(eventOf(a), eventOf(b)) })
	out.published = slices.CompactFunc(out.published, func(a, b audit.Entry) bool { return a.Object == b.Object })
	return out, nil
}

// eventOf is the event that an entry is about; 0 for none.
func eventOf(e audit.Entry) store.EventID {
	id, _ := strconv.ParseInt(e.Object, 10, 64)
	return store.EventID(id)
}

func (v *evidence) add(e audit.Entry, from, to time.Time) {
	switch e.Action {
	case audit.ActionPublish:
		if eventOf(e) != 0 && (from.IsZero() || !e.At.Before(from)) && (to.IsZero() || e.At.Before(to)) {
			v.published = append(v.published, e)
		}
	case audit.ActionAcknowledge, audit.ActionDownload:
		position, _, err := mesh.ParseMessageID(e.Object)
		if err != nil {
			return
		}
		boxes := v.taken[store.EventID(position)]
		if boxes == nil {
			boxes = map[string]audit.Entry{}
			v.taken[store.EventID(position)] = boxes
		}
		if before, ok := boxes[e.Mailbox]; !ok || before.Action == audit.ActionDownload && e.Action == audit.ActionAcknowledge {
			boxes[e.Mailbox] = e
		}
	case audit.ActionDelete, audit.ActionEndSubscription, audit.ActionDeleteSubscription:
		if id, err := subscription.ParseID(e.Object); err == nil {
			v.ended[id.String()] = e
		}
	}
}
