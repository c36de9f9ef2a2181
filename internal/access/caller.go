package access

import (
	"slices"

	"github.com/google/uuid"

	"nems/internal/nhs"
	"nems/internal/refuse"
)

// Caller is the authenticated system that sent a request, and for whom it acts.
type Caller struct {
	System System
	ASID   nhs.ASID
	// ODS is the organisation for which the request acts. If the token does not
	// say (profile observed), it is the first one of the registration, and
	// Claimed is false.
	ODS     nhs.ODSCode
	Claimed bool
	// User is the requesting_user claim, "" for an unattended system.
	User string
	// Patient is the requesting_patient claim; it prints as a placeholder.
	Patient nhs.NHSNumber
	// Reason is the reason_for_request claim.
	Reason string
	// Scopes is the scope claim: a list separated by blanks.
	Scopes      string
	Interaction Interaction
	// Certificate is the name of the client certificate, as registered; ""
	// without a certificate.
	Certificate string
	// TokenID is the jti claim, "" without one. Signed says that the token has
	// a verified signature.
	TokenID string
	Signed  bool
	// Request is the id of the request, for the audit; zero where there is none.
	Request uuid.UUID
	// Body is the format of the request's body, Answer the format of the answer.
	Body, Answer Media
}

// tuple returns what the request said about itself.
func (c Caller) tuple() Tuple {
	t := Tuple{ASID: c.ASID, ODS: c.ODS, Interaction: c.Interaction.ID}
	if c.Certificate != "" {
		t.Certificate = []string{c.Certificate}
	}
	return t
}

// May refuses an interaction for which the system is not registered. A batch
// needs it, because it may contain deletes although its own interaction is that
// of creating.
func (c Caller) May(interaction string) *refuse.Refusal {
	t := c.tuple()
	t.Interaction = interaction
	return c.System.Gate(t)
}

// Owns refuses access to what belongs to an organisation other than the one for
// which the caller acts.
func (c Caller) Owns(ods nhs.ODSCode) *refuse.Refusal {
	if c.Claimed && ods == c.ODS || !c.Claimed && slices.Contains(c.System.ODSCodes, ods) {
		return nil
	}
	return refuse.AccessDenied("it belongs to another organisation than the one that the token names")
}

// MayOwn refuses a subscription whose contact is not the caller's organisation,
// or whose mailbox does not belong to that organisation (decision 25).
// mailboxODS is "" for an unknown mailbox.
func (c Caller) MayOwn(contact nhs.ODSCode, mailbox string, mailboxODS nhs.ODSCode) *refuse.Refusal {
	if refusal := c.Owns(contact); refusal != nil {
		return refuse.AccessDenied("Subscription.contact names the organisation " + refuse.Show(string(contact)) + ", the token another one: both must be the same")
	}
	t := c.tuple()
	t.ODS, t.Mailbox, t.MailboxODS = contact, mailbox, mailboxODS
	return c.System.Gate(t)
}

// MaySubscribe refuses a kind of subscription or an event type to which the
// system is not entitled.
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
