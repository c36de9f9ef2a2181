package console

import (
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/subscription"
)

// subscriptions lists what subscribers asked for.
func (c *Console) subscriptions() page {
	return page{path: "subscriptions", title: "Subscriptions", role: operator.Viewer, acts: operator.Operator, file: "subscriptions.html", read: func(v *visit) (any, error) {
		return whole(operator.FindSubscriptions.Do(v, v.Desk, search(v, operator.SubscriptionFilter{
			Status: subscription.Status(v.text("status")), ODS: nhs.ODSCode(v.text("ods")), Quarantined: v.text("quarantined") != "",
		})))
	}, act: endSubscriptions}
}
