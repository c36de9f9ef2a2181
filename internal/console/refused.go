package console

import (
	"time"

	"nems/internal/nhs"
	"nems/internal/operator"
)

func (c *Console) refusals() page {
	return page{path: "refused", title: "Refused", within: "Events", role: operator.Viewer, file: "refused.html", read: func(v *visit) (any, error) {
		from, err := since(v, 24*time.Hour)
		if err != nil {
			return operator.Page[operator.Refusal]{}, err
		}
		return whole(operator.FindRefusals.Do(v, v.Desk, search(v, operator.RefusalFilter{
			Since: from, ASID: nhs.ASID(v.text("asid")), Code: v.text("code"), MessageID: v.text("message"),
		})))
	}}
}
