package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
)

// Mailbox is a MESH mailbox as an operator writes it down.
type Mailbox struct {
	ID   string      `json:"id"`
	Name string      `json:"name,omitempty"`
	ODS  nhs.ODSCode `json:"ods"` // organisation that it belongs to
	// Password is the secret of its NHSMESH tokens. It goes in and never comes
	// out again.
	Password string `json:"password,omitempty"`
	// Remote marks a mailbox that another MESH serves; it has no password here.
	Remote bool `json:"remote,omitempty"`
}

// wrong says what cannot be right: the member and the reason; nil when nothing is.
func (m Mailbox) wrong() (member string, why error) {
	_, wrongID := store.MailboxKey(m.ID)
	ods, err := nhs.ParseODSCode(string(m.ODS))
	switch {
	case wrongID != nil:
		return "id", wrongID
	case err != nil || ods != m.ODS:
		return "ods", nhs.ErrODSCode
	case !m.Remote && m.Password == "":
		return "password", errors.New("a mailbox that is served here needs one")
	case m.Remote && m.Password != "":
		return "password", errors.New("that of a remote mailbox is its MESH's affair")
	}
	return "", nil
}

// mailboxes lists the mailboxes, without their passwords, in the order in which
// they were first put.
func (d Desk) mailboxes(ctx context.Context, p Paging) (none Page[Mailbox], err error) {
	l, err := list[int64](d, "mailboxes", nil, p)
	if err != nil {
		return none, err
	}
	rows, err := d.Store.MailboxesAfter(ctx, l.after, l.limit+1)
	if err != nil {
		return none, err
	}
	found, err := page(l, rows, func(m store.Mailbox) int64 { return m.Row })
	return shown(found, err, func(m store.Mailbox) (Mailbox, error) {
		return Mailbox{ID: m.ID, Name: m.Name, ODS: m.ODS, Remote: m.Remote}, nil
	})
}

// putMailboxes keeps mailboxes, replacing those with the same id. All are
// checked before the first is kept: Invalid.
func (d Desk) putMailboxes(ctx context.Context, boxes []Mailbox) (none None, err error) {
	for i, box := range boxes {
		if member, why := box.wrong(); why != nil {
			return none, invalid(element(i, member), "mailbox %d (%s): %s: %s", i+1, box.ID, member, why)
		}
	}
	for i, box := range boxes {
		if _, err := d.findEndpoint(ctx, box.ID); err == nil {
			return none, conflict("mailbox %d: %s is the id of a webhook: expected another id", i+1, box.ID)
		} else if !errors.Is(err, store.ErrNotFound) {
			return none, err
		}
	}
	for i, box := range boxes {
		shown := box
		shown.Password = ""
		value, err := json.Marshal(shown)
		if err != nil {
			return none, err
		}
		entry := d.entry(audit.ActionPutMailbox, digest(box.ID, value))
		entry.Mailbox, entry.ODS = box.ID, box.ODS
		// Recorded first, it joins the commit of the change, or one before it:
		// no change can be without its entry.
		d.Store.Record(entry)
		row := store.Mailbox{ID: box.ID, Name: box.Name, ODS: box.ODS, Password: box.Password, Remote: box.Remote}
		if _, err := d.Store.PutMailbox(ctx, row); err != nil {
			return none, fmt.Errorf("mailbox %s, after %d of %d: %w", box.ID, i, len(boxes), err)
		}
	}
	return none, nil
}
