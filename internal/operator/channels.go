package operator

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"nems/internal/store"
)

// Running is what a running service does with the endpoints of a channel.
type Running struct {
	// Test sends a test event, once, and says what came of it; nil where nothing is
	// sent.
	Test func(ctx context.Context, e store.Endpoint) (store.Attempt, error)
	// Plain allows URLs without TLS.
	Plain bool
	// Fits says what is wrong with where an endpoint is, as far as only the service
	// knows it; nil where the desk knows all.
	Fits func(ctx context.Context, e Endpoint) error
}

// channel is what the desk knows of a channel.
type channel struct {
	// setting turns the channel on.
	setting string
	// read reads what is kept of an endpoint; of a new one nothing is.
	read func(store.Endpoint) (keptEndpoint, error)
	// check says what is wrong with an endpoint that is to be put; nil where operators
	// register none.
	check func(Endpoint, *Running) error
}

// channels are those whose endpoints operators see.
var channels = map[store.Channel]channel{
	store.WebhookChannel:  {"webhooks-send: on", readWebhook, checkWebhook},
	store.RestHookChannel: {"r4: on", readWebhook, nil},  // R4 subscriptions bring them along
	store.StreamChannel:   {"", readStream, checkStream}, // it is never off
	store.QueueChannel:    {"sqs-send: on", readQueue, checkQueue},
	store.SignalChannel:   {"mns-serve: on", readSignal, nil}, // and so do the MNS's
}

// RegisteredChannels are those whose endpoints operators register.
func RegisteredChannels() []store.Channel {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(channels)), func(c store.Channel) bool { return channels[c].check == nil })
}

func knownChannels() string {
	var names []string
	for _, c := range RegisteredChannels() {
		names = append(names, string(c))
	}
	return strings.Join(names, " or ")
}

// keptEndpoint is what is kept of an endpoint, by its channel.
type keptEndpoint interface {
	// put has it be as it was registered, and returns its secret if that is new.
	put(e Endpoint, now time.Time) (secret string)
	// show fills in what operators see.
	show(e *Endpoint)
	// bound is what the audit binds of it.
	bound() string
	enable()
	disable(why string, now time.Time)
	Pack() []byte
}

// rotatable is a keptEndpoint that has a secret of ours.
type rotatable interface {
	rotate(now time.Time) (secret string)
}

// keptOf reads what is kept of an endpoint.
func keptOf(row store.Endpoint) (keptEndpoint, error) {
	c, known := channels[row.Channel]
	if !known {
		return nil, conflict("the endpoint %s has the channel %s, which this version of nems does not know", row.Mailbox.ID, row.Channel)
	}
	return c.read(row)
}

// running is what the service does with a channel, or why it does nothing.
func (d Desk) running(c store.Channel) (*Running, error) {
	if r := d.Channels[c]; r != nil {
		return r, nil
	}
	return nil, conflict("the channel %s is off: start the service with the setting %s", c, channels[c].setting)
}
