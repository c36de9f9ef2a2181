package ledger

import (
	"context"
	"slices"
	"sync"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
)

// The sizes of the index by patient. A segment is written when it has so many
// entries, so up to that many are looked through behind the last one; the more
// there are, the fewer rows a look-up reads. One round of housekeeping files at
// most mostSegments.
const (
	segmentEntries = 16_384
	segmentLinks   = 500 // read at a time
	mostSegments   = 64
)

// auditFiling is the segment that is not full yet, so that no round of
// housekeeping reads again what an earlier one has read.
type auditFiling struct {
	sync.Mutex
	behind int64 // the last link that is filed
	last   int64 // the last link of the segment
	filing *audit.Filing
}

// fileAudit files what has become of the audit since the last round. It does not
// wait for a quiet moment: under a load that lasts, what is not filed would grow,
// and a segment is little to write.
func (l *Ledger) fileAudit(ctx context.Context) error {
	settled, err := l.engine.AuditSettled(ctx)
	if err != nil {
		return err
	}
	f := &l.filing
	f.Lock()
	defer f.Unlock()
	for range mostSegments {
		full, err := l.fillSegment(ctx, f, settled)
		if err != nil || !full {
			return err
		}
		_, err = l.engine.Change(ctx, fileSegment{f.behind + 1, f.last, f.filing})
		f.filing = nil // whether or not it was written, the next one begins where the table ends
		if err != nil {
			return err
		}
	}
	return nil
}

// fillSegment reads on until the segment is full. Its answer is whether it is.
func (l *Ledger) fillSegment(ctx context.Context, f *auditFiling, settled int64) (full bool, err error) {
	behind, err := l.filedTo(ctx)
	if err != nil {
		return false, err
	}
	if f.filing == nil || f.behind != behind { // another node has filed
		f.behind, f.last, f.filing = behind, behind, &audit.Filing{}
	}
	for f.filing.Entries < segmentEntries {
		links, err := read(ctx, l.engine.Read, scanEntries,
			"SELECT id, entries FROM audit_link WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3", f.last, settled, segmentLinks)
		if err != nil {
			return false, err
		}
		for _, link := range links {
			if err := f.filing.Add(link.ID, link.Link); err != nil {
				// Damaged, or of a later version: verifying tells. The index goes on without it.
				l.options.Log.Warn("a link of the audit cannot be filed by patient", "link", link.ID, "error", err)
			}
			f.last = link.ID
			if f.filing.Entries >= segmentEntries {
				return true, nil
			}
		}
		if len(links) < segmentLinks {
			return false, nil
		}
	}
	return true, nil
}

func scanEntries(r Row) (l store.AuditLink, err error) { return l, r.Scan(&l.ID, &l.Entries) }

// filedTo is the last link that is filed; 0 before the first. Every segment has a
// row in the first bucket.
func (l *Ledger) filedTo(ctx context.Context) (int64, error) {
	found, err := read(ctx, l.engine.Read, func(r Row) (last int64, err error) { return last, r.Scan(&last) },
		"SELECT last FROM audit_filed WHERE bucket = 0 ORDER BY first DESC LIMIT 1")
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return found[0], nil
}

// fileSegment writes a segment. Where two nodes do so at once, one of them does
// nothing; segments that overlap do no harm.
type fileSegment struct {
	first, last int64
	filing      *audit.Filing
}

func (o fileSegment) Apply(tx Tx) (any, error) {
	for bucket := range audit.Buckets {
		if hits := o.filing.Bucket(bucket); len(hits) > 0 || bucket == 0 {
			tx.Later("INSERT INTO audit_filed (bucket, first, last, hits) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", bucket, o.first, o.last, notNull(hits))
		}
	}
	return nil, nil
}

// AuditAbout is operator.Journal's.
func (l *Ledger) AuditAbout(ctx context.Context, s store.AuditSpan, patients []nhs.NHSNumber, max, effort int) (out store.AuditAbout, err error) {
	filed, err := l.filedTo(ctx)
	if err != nil {
		return out, err
	}
	out.Rest = s
	if s.First <= filed {
		ids, err := l.filedLinks(ctx, s, min(filed, s.Last), patients, max+1)
		if err != nil {
			return out, err
		}
		if len(ids) > max {
			ids = ids[:max]
			out.Rest.First = ids[max-1] + 1
		} else {
			out.Rest.First = filed + 1
		}
		if out.Links, err = l.linksWith(ctx, ids); err != nil || len(out.Links) == max {
			return out, err
		}
	}
	return out, l.lookThrough(ctx, &out, patients, max, effort)
}

// filedLinks finds in the index the first links of a span, up to last, that may name a
// patient.
func (l *Ledger) filedLinks(ctx context.Context, s store.AuditSpan, last int64, patients []nhs.NHSNumber, max int) (ids []int64, err error) {
	for _, patient := range patients {
		key := audit.KeyOf(patient)
		var found []int64
		err := l.engine.View(ctx, func(r Reader) error {
			found = nil
			return r.Query(func(row Row) error {
				var hits []byte
				if len(found) >= max { // segments are in the order of their links
					return nil
				}
				if err := row.Scan(&hits); err != nil {
					return err
				}
				links, err := audit.Hits(hits, key)
				for _, id := range links {
					// A link may name the patient several times.
					if id >= s.First && id <= last && (len(found) == 0 || id > found[len(found)-1]) {
						found = append(found, id)
					}
				}
				return err
			}, "SELECT hits FROM audit_filed WHERE bucket = $1 AND last >= $2 AND first <= $3 ORDER BY first", key.Bucket(), s.First, last)
		})
		if err != nil {
			return nil, err
		}
		ids = append(ids, found...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return ids[:min(len(ids), max)], nil
}

// linksWith reads links by their numbers, in that order.
func (l *Ledger) linksWith(ctx context.Context, ids []int64) ([]store.AuditLink, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return read(ctx, l.engine.View, scanAuditLink, "SELECT id, chain, seq, at, entries FROM audit_link WHERE "+l.dialect.In("id", "$1", Numbers)+" ORDER BY id", ids)
}

// scanAuditLink reads a link without what only verifying needs.
func scanAuditLink(r Row) (l store.AuditLink, err error) {
	var at int64
	err = r.Scan(&l.ID, &l.Chain, &l.Seq, &at, &l.Entries)
	l.At = moment(&at)
	return l, err
}

// lookThrough reads what is not filed, entry by entry.
func (l *Ledger) lookThrough(ctx context.Context, out *store.AuditAbout, patients []nhs.NHSNumber, max, effort int) error {
	for out.Rest.First <= out.Rest.Last {
		links, err := l.engine.AuditLinks(ctx, out.Rest, false, segmentLinks)
		if err != nil {
			return err
		}
		for _, link := range links {
			if len(out.Links) >= max || effort <= 0 {
				return nil
			}
			about := false
			if err := link.Patients(func(_ int, digits []byte) {
				effort--
				about = about || slices.ContainsFunc(patients, func(p nhs.NHSNumber) bool { return p.Digits() == string(digits) })
			}); err != nil {
				return err
			}
			if about {
				out.Links = append(out.Links, link)
			}
			out.Rest = out.Rest.Behind(link, false)
		}
		if len(links) < segmentLinks {
			break
		}
	}
	out.Rest.First = out.Rest.Last + 1
	return nil
}
