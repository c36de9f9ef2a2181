package store

import "nems/internal/audit"

// AuditSpan is a part of the audit as it was at one moment: entries committed
// later do not appear in it, so a walk over it ends.
type AuditSpan struct {
	First, Last int64  // the store's numbers of links
	Seen        string // what the store needs to know about the moment
}

// AuditLink is a link together with the store's number for it.
type AuditLink struct {
	audit.Link
	ID int64
}

// Behind returns what is left of a span after a link, in the order of reading.
func (s AuditSpan) Behind(l AuditLink, newest bool) AuditSpan {
	if newest {
		s.Last = l.ID - 1
	} else {
		s.First = l.ID + 1
	}
	return s
}

// AuditAbout is what a look-up by patient has found. Its links may hold entries
// about others, too.
type AuditAbout struct {
	Links []AuditLink
	// Rest is what was not looked at; nothing when its First is beyond its Last.
	Rest AuditSpan
}

// Whole tells whether all was looked at.
func (a AuditAbout) Whole() bool { return a.Rest.First > a.Rest.Last }
