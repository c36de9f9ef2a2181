package mns

import (
	"slices"

	"nems/internal/subscription"
)

// legacyTypes are the types of the first version, which are published as
// application/json alone. Two of them are also names of messages of the NEMS, which
// are something else.
var legacyTypes = []string{"pds-change-of-gp-1", "pds-death-notification-1", "nhs-number-change-1"}

// types are those of the second version that the MNS lists (specification; catalogue
// of events at digital.nhs.uk, 2026).
var types = []string{
	"pds-record-change-2", "pds-change-of-gp-2", "pds-death-notification-2", "nhs-number-change-2", "gpreg-change-gp-req-1",
	"patientflags-change-1", "imms-vaccination-record-change-1", "pathology-laboratory-reporting-test-result-stored-1",
	"nhshco-hc-complete-1", "vrs-proxy-role-created-1", "vrs-proxy-role-changed-1", "vrs-proxy-role-deleted-1",
	"pdm-resource-change-1", "mns-test-signal-1",
}

// knows reports whether a type of the second version can be published or subscribed
// to: one that is listed, or that the caller is registered for by its name.
func (a *API) knows(x *exchange, eventType string) bool {
	return subscription.IsMNSType(eventType) && !slices.Contains(legacyTypes, eventType) &&
		(a.AnyType || slices.Contains(types, eventType) || slices.Contains(x.caller.System.EventTypes, eventType))
}
