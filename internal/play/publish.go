package play

import (
	"context"
	"errors"
	"net/http"

	"nems/client"
	"nems/internal/access"
	"nems/internal/event"
)

// Client publishes as one system.
type Client struct{ *client.Client }

// Publish implements Publisher. The interaction goes by the event type, because bytes
// that are broken on purpose do not tell it.
func (c Client) Publish(ctx context.Context, code string, message []byte, key string) error {
	options := []client.PublishOption{client.WithInteraction(access.PublishInteraction(event.InteractionName(code)))}
	if key != "" {
		options = append(options, client.WithIdempotencyKey(key))
	}
	_, err := c.Client.Publish(ctx, message, options...)
	var said *client.Error
	if errors.As(err, &said) && said.Status < http.StatusInternalServerError && said.Status != http.StatusTooManyRequests {
		return &Refusal{err}
	}
	return err
}
