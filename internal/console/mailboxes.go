package console

import (
	"nems/internal/operator"
	"nems/internal/store"
)

// mailboxes lists the MESH mailboxes.
func (c *Console) mailboxes() page {
	return page{path: "mailboxes", title: "Mailboxes", role: operator.Viewer, file: "mailboxes.html", read: func(v *visit) (any, error) {
		return whole(operator.ListMailboxes.Do(v, v.Desk, operator.Paging{Limit: listed, After: v.text("after")}))
	}}
}

// mailboxPage is what waits in one mailbox. Nothing is collected by looking.
type mailboxPage struct {
	operator.Page[operator.Delivery]
	ID    string
	State store.State
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
		return out, nil
	}}
}
