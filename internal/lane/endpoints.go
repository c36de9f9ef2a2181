package lane

import (
	"context"
	"time"

	"nems/internal/store"
)

// Endpoints hands out the lanes of endpoints. Safe for concurrent use.
type Endpoints interface {
	// ClaimEndpoints claims lanes of a channel's endpoints, in all else as
	// ClaimLanes of Outbox claims those of mailboxes.
	ClaimEndpoints(ctx context.Context, c store.Channel, owner string, lease time.Duration, max int) ([]store.Lane, error)
}

// OfChannel returns the outbox of a channel's endpoints over that of mailboxes.
func OfChannel(o Outbox, e Endpoints, c store.Channel) Outbox { return channelOutbox{o, e, c} }

type channelOutbox struct {
	Outbox
	endpoints Endpoints
	channel   store.Channel
}

// ClaimLanes is Outbox's.
func (o channelOutbox) ClaimLanes(ctx context.Context, owner string, lease time.Duration, max int) ([]store.Lane, error) {
	return o.endpoints.ClaimEndpoints(ctx, o.channel, owner, lease, max)
}
