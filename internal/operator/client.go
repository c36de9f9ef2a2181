package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
)

// Client is the Face of a service that runs. Safe for concurrent use.
type Client struct {
	Access
	// User is the name of the account that the command runs under.
	User string
	// HTTP makes the calls; nil means http.DefaultClient.
	HTTP *http.Client
}

// ask has it done over HTTP.
func (c *Client) ask(ctx context.Context, a act, request, answer any) error {
	r, err := a.about().write(ctx, c.URL, request)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+c.Token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(userHeader, c.User)
	h := c.HTTP
	if h == nil {
		h = http.DefaultClient
	}
	got, err := h.Do(r)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	switch {
	case got.StatusCode >= http.StatusMultipleChoices:
		return refusedBy(got)
	case a.about().answer == reflect.TypeFor[None]():
		_, err := io.Copy(io.Discard, got.Body)
		return err
	}
	if err := json.NewDecoder(got.Body).Decode(answer); err != nil {
		return fmt.Errorf("%s does not answer as a NEMS does: %w", c.URL, err)
	}
	return nil
}
