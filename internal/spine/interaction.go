package spine

import "strings"

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

// PublishInteraction returns the interaction id for publishing an event;
// name is the one in the table of "Supported Event Messages" ("Vaccinations"),
// or the event code where that table has none.
func PublishInteraction(name string) string { return publishPrefix + name + publishSuffix }

// Interaction is a parsed InteractionID header.
type Interaction struct {
	Kind  Kind
	Event string // the name in a publish interaction id, "" otherwise
	ID    string // as sent
}

// ParseInteraction reads an interaction id; ok is false for one that no NEMS
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

// isEventName tells whether s is made of letters, digits and hyphens.
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

// CheckEvent refuses a message whose event is not the one that the interaction
// id names. name is the event's name in the table of "Supported Event
// Messages", "" where that has none (pds events); the event code is accepted
// too, since both are in use (decision 8).
func (i Interaction) CheckEvent(code, name string) *Refusal {
	if i.Event == code || name != "" && i.Event == name {
		return nil
	}
	if name == "" {
		name = code
	}
	return HeaderInvalid("InteractionID", PublishInteraction(name)+", to fit MessageHeader.event of the message", show(i.ID))
}

// UnknownEvent refuses a message whose event code no event type has.
func (i Interaction) UnknownEvent(code string) *Refusal {
	return HeaderInvalid("InteractionID", "the interaction of a supported event", show(i.ID)+" with the event code "+show(code)+
		" in MessageHeader.event, which the service does not support")
}

// Endpoint is what a request addresses: a path together with a method.
type Endpoint byte

// The endpoints. Search and Batch are extensions: searching uses the
// interaction and scope of reading, a batch those of creating.
const (
	EndpointPublish Endpoint = iota + 1
	EndpointCreate
	EndpointRead
	EndpointDelete
	EndpointSearch
	EndpointBatch
)

// kind returns the kind of interaction that the endpoint serves.
func (e Endpoint) kind() Kind {
	switch e {
	case EndpointPublish:
		return Publish
	case EndpointCreate, EndpointBatch:
		return SubscriptionCreate
	case EndpointDelete:
		return SubscriptionDelete
	default:
		return SubscriptionRead
	}
}

// hasBody tells whether requests to the endpoint carry a resource.
func (e Endpoint) hasBody() bool {
	return e == EndpointPublish || e == EndpointCreate || e == EndpointBatch
}

// expected names the interaction ids that fit the endpoint.
func (e Endpoint) expected() string {
	switch e.kind() {
	case Publish:
		return PublishInteraction("[Event_Code]")
	case SubscriptionCreate:
		return CreateInteraction
	case SubscriptionDelete:
		return DeleteInteraction
	default:
		return ReadInteraction
	}
}
