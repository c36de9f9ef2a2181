package store

import "nems/internal/audit"

// AuditSpan is a part of the audit as one moment saw it: what was committed later
// does not come up in it, so that a walk over it ends.
type AuditSpan struct {
	First, Last int64  // the store's numbers of links
	Seen        string // what the store needs to know of the moment
}

// AuditLink is a link with the store's number.
type AuditLink struct {
	audit.Link
	ID int64
}

// Behind is what is left of a span behind a link, in the order of reading.
func (s AuditSpan) Behind(l AuditLink, newest bool) AuditSpan {
	if newest {
		s.Last = l.ID - 1
	} else {
		s.First = l.ID + 1
	}
	return s
}
