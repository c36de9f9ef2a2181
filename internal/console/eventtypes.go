package console

import (
	"nems/internal/operator"
)

func (c *Console) eventTypes() page {
	return page{path: "event-types", title: "Event types", role: operator.Viewer, file: "eventtypes.html", read: func(v *visit) (any, error) {
		return whole(operator.ListEventTypes.Do(v, v.Desk, operator.Paging{Limit: operator.MaxLimit}))
	}}
}
