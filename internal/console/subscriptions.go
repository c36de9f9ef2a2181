package console

import (
	"fmt"

	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/subscription"
)

func (c *Console) subscriptions() page {
	return page{path: "subscriptions", title: "Subscriptions", role: operator.Viewer, file: "subscriptions.html", read: func(v *visit) (any, error) {
		return whole(operator.FindSubscriptions.Do(v, v.Desk, search(v, operator.SubscriptionFilter{
			Status: subscription.Status(v.text("status")), ODS: nhs.ODSCode(v.text("ods")), Quarantined: v.text("quarantined") != "",
		})))
	}, act: func(v *visit) (out outcome, err error) {
		ids := v.form["id"]
		if len(ids) == 0 {
			return out, &operator.Error{Code: operator.Invalid, Field: "id", Message: "choose at least one subscription that waits for approval"}
		}
		err = operator.ApproveSubscriptions.Run(v, v.Desk, ids)
		return outcome{done: fmt.Sprintf("Approved: %d. What is accepted from now on is matched against them.", len(ids))}, err
	}}
}
