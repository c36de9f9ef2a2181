package access

import (
	"strings"

	"nems/internal/refuse"
)

// Kind is what an interaction does.
type Kind byte

// The kinds of interaction that a NEMS has.
const (
	Publish Kind = iota + 1
	SubscriptionCreate
	SubscriptionRead
	SubscriptionDelete
)

// Interaction ids. Sources: NEMS, "Create Subscription", "Read Subscription",
// "Delete Subscription" and "Publish an Event Message".
const (
	CreateInteraction = "urn:nhs:names:services:clinicals-sync:SubscriptionsApiPost"
	ReadInteraction   = "urn:nhs:names:services:clinicals-sync:SubscriptionsApiGet"
	DeleteInteraction = "urn:nhs:names:services:clinicals-sync:SubscriptionsApiDelete"

	publishPrefix = "urn:nhs:names:services:events:"
	publishSuffix = ".Write"
)

// PublishInteraction returns the interaction id for publishing an event. name
// is the one in the table of "Supported Event Messages" ("Vaccinations"), or
// the event code if that table has none.
func PublishInteraction(name string) string { return publishPrefix + name + publishSuffix }

// Interaction is a parsed InteractionID header.
type Interaction struct {
	Kind  Kind
	Event string // the name in a publish interaction id, "" otherwise
	ID    string // as sent
}

// ParseInteraction reads an interaction id. ok is false for an id that no NEMS
// endpoint has. The event of a publish interaction need not exist.
func ParseInteraction(id string) (i Interaction, ok bool) {
	switch id {
	case CreateInteraction:
		return Interaction{Kind: SubscriptionCreate, ID: id}, true
	case ReadInteraction:
		return Interaction{Kind: SubscriptionRead, ID: id}, true
	case DeleteInteraction:
		return Interaction{Kind: SubscriptionDelete, ID: id}, true
	}
	event, found := strings.CutPrefix(id, publishPrefix)
	if event, ok = strings.CutSuffix(event, publishSuffix); !found || !ok || !isEventName(event) {
		return Interaction{}, false
	}
	return Interaction{Kind: Publish, Event: event, ID: id}, true
}

// isEventName reports whether s consists of letters, digits and hyphens.
func isEventName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return true
}

// CheckEvent refuses a message whose event is not the one in the interaction
// id. name is the event's name in the table of "Supported Event Messages", ""
// if it has none (pds events). The event code is accepted too, because both are
// in use (decision 8).
func (i Interaction) CheckEvent(code, name string) *refuse.Refusal {
	if i.Event == code || name != "" && i.Event == name {
		return nil
	}
	if name == "" {
		name = code
	}
	return refuse.HeaderInvalid("InteractionID", PublishInteraction(name)+", to fit MessageHeader.event of the message", refuse.Show(i.ID))
}

// UnknownEvent refuses a message whose event code belongs to no event type.
func (i Interaction) UnknownEvent(code string) *refuse.Refusal {
	return refuse.HeaderInvalid("InteractionID", "the interaction of a supported event", refuse.Show(i.ID)+" with the event code "+refuse.Show(code)+
		" in MessageHeader.event, which the service does not support")
}
