package console

import (
	"nems/internal/operator"
)

func (c *Console) mailboxes() page {
	return page{path: "mailboxes", title: "Mailboxes", role: operator.Viewer, file: "mailboxes.html", read: func(v *visit) (any, error) {
		return whole(operator.ListMailboxes.Do(v, v.Desk, operator.Paging{Limit: listed, After: v.text("after")}))
	}}
}
