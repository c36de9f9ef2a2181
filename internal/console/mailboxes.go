package console

import (
	"errors"

	"nems/internal/operator"
	"nems/internal/store"
)

// mailboxList is a page of mailboxes, with what waits in those that the overview knows.
type mailboxList struct {
	operator.Page[operator.Mailbox]
	Waits map[string]operator.MailboxSummary
}

// mailboxes lists the MESH mailboxes.
func (c *Console) mailboxes() page {
	return page{path: "mailboxes", title: "Mailboxes", role: operator.Viewer, file: "mailboxes.html", read: func(v *visit) (any, error) {
		found, err := operator.ListMailboxes.Do(v, v.Desk, operator.Paging{Limit: listed, After: v.text("after")})
		if err != nil {
			return nil, err
		}
		waits, err := c.waits(v)
		return mailboxList{found, waits}, err
	}}
}

// waits is what waits in the first mailboxes: what all viewers share.
func (c *Console) waits(v *visit) (map[string]operator.MailboxSummary, error) {
	overview, err := c.glance.look(v)
	if err != nil {
		return nil, err
	}
	out := map[string]operator.MailboxSummary{}
	for _, m := range overview.Mailboxes {
		out[m.ID] = m
	}
	return out, nil
}

// mailboxPage is what waits in one mailbox. Nothing is collected by looking.
type mailboxPage struct {
	operator.Page[operator.Delivery]
	ID    string
	State store.State
	// Waits is how many copies wait and since when; nil where the overview does not
	// know the mailbox.
	Waits *operator.MailboxSummary
	// Endpoint says that it is an endpoint, which has a page of its own.
	Endpoint bool
}

// mailbox looks into a mailbox without collecting: its copies in the order in which
// its owner gets them. A copy's event has the message.
func (c *Console) mailbox() page {
	return page{path: "mailboxes/{id}", title: "Mailbox", within: "Mailboxes", role: operator.Viewer, file: "mailbox.html", read: func(v *visit) (any, error) {
		out := mailboxPage{ID: v.PathValue("id"), State: store.State(v.text("state"))}
		if out.State == "" {
			out.State = store.Waiting
		}
		found, err := operator.FindDeliveries.Do(v, v.Desk, search(v, operator.DeliveryFilter{Mailbox: out.ID, State: out.State}))
		if err != nil {
			return nil, err
		}
		out.Page = found
		waits, err := c.waits(v)
		if m, known := waits[out.ID]; known {
			out.Waits = &m
		}
		if err != nil {
			return nil, err
		}
		out.Endpoint, err = isEndpoint(v, out.ID)
		return out, err
	}}
}

// isEndpoint reports whether copies do not go to a MESH mailbox.
func isEndpoint(v *visit, id string) (bool, error) {
	_, err := operator.ShowEndpoint.Do(v, v.Desk, operator.EndpointRef{ID: id})
	var e *operator.Error
	if errors.As(err, &e) && e.Code == operator.NotFound {
		return false, nil
	}
	return err == nil, err
}
