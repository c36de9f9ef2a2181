package spine

import (
	"nems/internal/access"
)

// Endpoint is what a request addresses: a path together with a method.
type Endpoint byte

// The endpoints. Search, Batch and Events are extensions: searching and following
// events use the interaction and scope of reading, a batch those of creating.
const (
	EndpointPublish Endpoint = iota + 1
	EndpointCreate
	EndpointRead
	EndpointDelete
	EndpointSearch
	EndpointBatch
	EndpointEvents
)

// kind returns the kind of interaction that the endpoint serves.
func (e Endpoint) kind() access.Kind {
	switch e {
	case EndpointPublish:
		return access.Publish
	case EndpointCreate, EndpointBatch:
		return access.SubscriptionCreate
	case EndpointDelete:
		return access.SubscriptionDelete
	default:
		return access.SubscriptionRead
	}
}

// hasBody reports whether requests to the endpoint have a resource as their body.
func (e Endpoint) hasBody() bool {
	return e == EndpointPublish || e == EndpointCreate || e == EndpointBatch
}

// ownForm reports whether the endpoint answers in a form of its own, which no media
// type of FHIR names. Refusals are in the form that the caller accepts, if it does.
func (e Endpoint) ownForm() bool { return e == EndpointEvents }

// expected returns the interaction ids that are valid for the endpoint.
func (e Endpoint) expected() string {
	switch e.kind() {
	case access.Publish:
		return access.PublishInteraction("[Event_Code]")
	case access.SubscriptionCreate:
		return access.CreateInteraction
	case access.SubscriptionDelete:
		return access.DeleteInteraction
	default:
		return access.ReadInteraction
	}
}
