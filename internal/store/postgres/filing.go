package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/subscription"
)

// filing collects copies to be put into inboxes with one statement, and those
// to be parked, for mailboxes served here that are not registered for the
// workflow, with another.
type filing struct {
	known *known
	now   time.Time

	filed, parked copyRows
	entries       []audit.Entry // of what is parked
}

// copyRows are the columns of copies.
type copyRows struct {
	mailboxes, positions, sizes []int64
	types                       []int32
	asked                       [][]byte
	partners                    []*string
}

// add files the copies of an event about a patient.
func (f *filing) add(event store.EventID, t eventType, size int, patient nhs.NHSNumber, copies []subscription.Copy) {
	for i := range copies {
		to := &f.filed
		if box, refused := f.known.refuse(t.workflow, copies[i].Mailbox); refused {
			to = &f.parked
			f.entries = append(f.entries, store.ParkedEntry(event, t.code, patient, box, f.now))
		}
		to.add(event, t.number(), size, &copies[i])
	}
}

func (r *copyRows) add(event store.EventID, typ int32, size int, c *subscription.Copy) {
	asked := make([]byte, 0, 16*len(c.Subscriptions))
	for i := range c.Subscriptions {
		asked = append(asked, c.Subscriptions[i][:]...)
	}
	r.mailboxes, r.positions, r.sizes = append(r.mailboxes, c.Mailbox), append(r.positions, int64(event)), append(r.sizes, int64(size))
	r.types, r.asked, r.partners = append(r.types, typ), append(r.asked, asked), append(r.partners, text(c.PartnerID))
}

const unnestCopies = "unnest($1::bigint[], $2::bigint[], $3::int[], $4::bigint[], $5::bytea[], $6::text[])"

func (f *filing) queue(b *pgx.Batch) {
	if r := &f.filed; len(r.mailboxes) > 0 {
		b.Queue("INSERT INTO inbox (mailbox, position, type, size, asked, partner) SELECT * FROM "+unnestCopies,
			r.mailboxes, r.positions, r.types, r.sizes, r.asked, r.partners)
	}
	if r := &f.parked; len(r.mailboxes) > 0 {
		b.Queue("INSERT INTO collected (mailbox, position, type, size, asked, partner, status, at, fault) SELECT *, 'parked', $7::bigint, $8::bytea FROM "+unnestCopies,
			r.mailboxes, r.positions, r.types, r.sizes, r.asked, r.partners, f.now.UnixMicro(), store.NotRegistered)
	}
}

// sealed are the entries for the audit, for the transaction that parks.
func (f *filing) sealed() []audit.Sealed {
	var out []audit.Sealed
	for _, e := range f.entries {
		out = append(out, seal(e))
	}
	return out
}
