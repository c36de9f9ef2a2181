package access

import (
	"slices"

	"nems/internal/nhs"
	"nems/internal/refuse"
)

// Caller is the authenticated system behind a request, and for whom it asks.
type Caller struct {
	System System
	ASID   nhs.ASID
	// ODS is the organisation that the request acts for. Where the token does
	// not say (profile observed), it is the first one of the registration and
	// Claimed is false.
	ODS     nhs.ODSCode
	Claimed bool
	// User is the requesting_user claim, "" for an unattended system.
	User string
	// Patient is the requesting_patient claim; it prints as a placeholder.
	Patient nhs.NHSNumber
	// Reason is the reason_for_request claim.
	Reason string
	// Scopes is the scope claim: a list with blanks between.
	Scopes      string
	Interaction Interaction
	// Certificate is the name of the client certificate that the registration
	// has, "" without a certificate.
	Certificate string
	// TokenID is the jti claim, "" without one; Signed tells a verified
	// signature from a token without one.
	TokenID string
	Signed  bool
	// Body is the format of the request's body, Answer that of the answer.
	Body, Answer Media
}

// tuple is what the request said of itself at the door.
func (c Caller) tuple() Tuple {
	t := Tuple{ASID: c.ASID, ODS: c.ODS, Interaction: c.Interaction.ID}
	if c.Certificate != "" {
		t.Certificate = []string{c.Certificate}
	}
	return t
}

// May refuses what the system is not registered for: a batch may hold deletes,
// although its own interaction is that of creating.
func (c Caller) May(interaction string) *refuse.Refusal {
	t := c.tuple()
	t.Interaction = interaction
	return c.System.Gate(t)
}

// Owns refuses access to what belongs to another organisation than the one
// that the caller acts for.
func (c Caller) Owns(ods nhs.ODSCode) *refuse.Refusal {
	if c.Claimed && ods == c.ODS || !c.Claimed && slices.Contains(c.System.ODSCodes, ods) {
		return nil
	}
	return refuse.AccessDenied("it belongs to another organisation than the one that the token names")
}

// MayOwn refuses a subscription whose contact is not the caller's organisation
// or whose mailbox is not that organisation's (decision 25). For a
// mailbox that is not known, mailboxODS is "".
func (c Caller) MayOwn(contact nhs.ODSCode, mailbox string, mailboxODS nhs.ODSCode) *refuse.Refusal {
	if refusal := c.Owns(contact); refusal != nil {
		return refuse.AccessDenied("Subscription.contact names the organisation " + refuse.Show(string(contact)) + ", the token another one: both must be the same")
	}
	t := c.tuple()
	t.ODS, t.Mailbox, t.MailboxODS = contact, mailbox, mailboxODS
	return c.System.Gate(t)
}

// MaySubscribe refuses a kind of subscription or an event type that the system
// is not entitled to.
func (c Caller) MaySubscribe(kind SubscriptionKind, eventCodes ...string) *refuse.Refusal {
	if !slices.Contains(c.System.Kinds, kind) {
		return refuse.AccessDenied("fromASID " + refuse.Show(string(c.ASID)) + " may not create " + string(kind) + " subscriptions")
	}
	for _, code := range eventCodes {
		if refusal := c.entitled(code); refusal != nil {
			return refusal
		}
	}
	return nil
}

// MayPublish refuses an event type that the system is not entitled to publish.
// spineOnly marks the event types that only the Spine itself publishes.
func (c Caller) MayPublish(eventCode string, spineOnly bool) *refuse.Refusal {
	if spineOnly && !c.System.Spine {
		return refuse.AccessDenied("events of the type " + refuse.Show(eventCode) + " are published by the Spine only; they can be subscribed to")
	}
	return c.entitled(eventCode)
}

func (c Caller) entitled(eventCode string) *refuse.Refusal {
	if len(c.System.EventTypes) == 0 || slices.Contains(c.System.EventTypes, eventCode) {
		return nil
	}
	return refuse.AccessDenied("fromASID " + refuse.Show(string(c.ASID)) + " is not entitled to the event type " + refuse.Show(eventCode))
}
