package api

import (
	"context"
	"net/http"

	"nems/internal/refuse"
)

// mostAcknowledgement is the size of the body of $ack, in bytes.
const mostAcknowledgement = 1 << 10

// follow streams the events of a subscription (extension, decision 44).
func (a *API) follow(x *exchange) error {
	if a.Streams == nil {
		return refuse.NotImplemented()
	}
	if x.r.Method == http.MethodHead { // a stream has no end that somebody could wait for
		return refuse.MethodNotAllowed("GET, OPTIONS")
	}
	then, err := a.Streams.Follow(x.w, x.r, x.caller, x.object)
	x.then = then
	return err
}

// pull answers with the next events of a subscription, and may wait for them
// (extension, decision 44).
func (a *API) pull(x *exchange) error {
	if a.Streams == nil {
		return refuse.NotImplemented()
	}
	then, err := a.Streams.Pull(x.w, x.r, x.caller, x.object)
	if then != nil {
		x.then = func(ctx context.Context) {
			if err := then(ctx); err != nil {
				x.refuse(a.refusal(ctx, err))
			}
		}
	}
	return err
}

// acknowledge notes how far the events of a subscription were taken (extension,
// decision 44).
func (a *API) acknowledge(x *exchange) error {
	if a.Streams == nil {
		return refuse.NotImplemented()
	}
	body, err := a.body(x, mostAcknowledgement)
	if err != nil {
		return err
	}
	return a.Streams.Acknowledge(x.r.Context(), x.w, x.caller, x.object, body)
}
