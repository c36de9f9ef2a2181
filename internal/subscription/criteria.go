package subscription

import "nems/internal/nhs"

// Criteria is a parsed criteria string: explicit when Patient is set, generic
// when Rule is.
type Criteria struct {
	Patient      nhs.NHSNumber
	Rule         string // subscriptionRuleType, "" for an explicit subscription
	Organisation string // Organization.identifier: ODS code, local authority or country code
	Events       []string
	Ages         []Age
	Registration Registration
	ServiceType  string
	Tag          string
	// Text is the string as the subscriber wrote it, returned on reading.
	Text string
}
