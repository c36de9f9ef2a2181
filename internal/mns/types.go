package mns

import (
	"slices"

	"nems/internal/subscription"
)

// legacyTypes are the types of the first version, which are published as
// application/json alone. Two of them are also names of messages of the NEMS, which
// are something else.
var legacyTypes = []string{"pds-change-of-gp-1", "pds-death-notification-1", "nhs-number-change-1"}

// knows reports whether a type of the second version can be published or subscribed
// to: one that is listed, or that the caller is registered for by its name.
func (a *API) knows(x *exchange, eventType string) bool {
	return subscription.IsMNSType(eventType) && !slices.Contains(legacyTypes, eventType) &&
		(a.AnyType || slices.Contains(subscription.MNSTypes, eventType) || slices.Contains(x.caller.System.EventTypes, eventType))
}
