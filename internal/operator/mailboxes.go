package operator

import (
	"context"
	"encoding/json"
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

// validate says what cannot be right.
func (m Mailbox) validate() error {
	_, wrongID := store.MailboxKey(m.ID)
	ods, err := nhs.ParseODSCode(string(m.ODS))
	switch {
	case wrongID != nil:
		return fmt.Errorf("id: %w", wrongID)
	case err != nil || ods != m.ODS:
		return fmt.Errorf("ods: %w", nhs.ErrODSCode)
	case !m.Remote && m.Password == "":
		return fmt.Errorf("password: a mailbox that is served here needs one")
	case m.Remote && m.Password != "":
		return fmt.Errorf("password: that of a remote mailbox is its MESH's affair")
	}
	return nil
}

// Mailboxes lists all mailboxes, without their passwords.
func (d Desk) Mailboxes(ctx context.Context) ([]Mailbox, error) {
	rows, err := d.Store.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	boxes := make([]Mailbox, len(rows))
	for i, row := range rows {
		boxes[i] = Mailbox{ID: row.ID, Name: row.Name, ODS: row.ODS, Remote: row.Remote}
	}
	return boxes, nil
}

// PutMailboxes keeps mailboxes, replacing those with the same id. All are
// checked before the first is kept: ErrInvalid.
func (d Desk) PutMailboxes(ctx context.Context, boxes []Mailbox) error {
	for i, box := range boxes {
		if err := box.validate(); err != nil {
			return invalid("mailbox %d (%s): %s", i+1, box.ID, err)
		}
	}
	for i, box := range boxes {
		shown := box
		shown.Password = ""
		value, err := json.Marshal(shown)
		if err != nil {
			return err
		}
		entry := d.entry(audit.ActionPutMailbox, digest(box.ID, value))
		entry.Mailbox, entry.ODS = box.ID, box.ODS
		// Recorded first, it joins the commit of the change, or one before it:
		// no change can be without its entry.
		d.Store.Record(entry)
		row := store.Mailbox{ID: box.ID, Name: box.Name, ODS: box.ODS, Password: box.Password, Remote: box.Remote}
		if _, err := d.Store.PutMailbox(ctx, row); err != nil {
			return fmt.Errorf("mailbox %s, after %d of %d: %w", box.ID, i, len(boxes), err)
		}
	}
	return nil
}
