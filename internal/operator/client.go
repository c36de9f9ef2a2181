package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"nems/internal/nhs"
	"nems/internal/spine"
	"nems/internal/store"
)

// Client asks a running service to do what a Desk does. Its methods have the
// meaning and the errors of Desk's. Safe for concurrent use.
type Client struct {
	Access
	// User is the name of the account that the command runs under.
	User string
	// HTTP makes the calls; nil means http.DefaultClient. It should set no
	// timeout: an export takes as long as it takes.
	HTTP *http.Client
}

// Systems is Desk.Systems.
func (c *Client) Systems(ctx context.Context) (out []spine.Registration, err error) {
	return out, c.call(ctx, http.MethodGet, "systems", nil, &out)
}

// System is Desk.System.
func (c *Client) System(ctx context.Context, asid nhs.ASID) (out spine.Registration, err error) {
	return out, c.call(ctx, http.MethodGet, "systems/"+url.PathEscape(string(asid)), nil, &out)
}

// PutSystems is Desk.PutSystems.
func (c *Client) PutSystems(ctx context.Context, systems []spine.Registration) error {
	return c.call(ctx, http.MethodPost, "systems", systems, nil)
}

// RevokeSystem is Desk.RevokeSystem.
func (c *Client) RevokeSystem(ctx context.Context, asid nhs.ASID) error {
	return c.call(ctx, http.MethodPost, "systems/"+url.PathEscape(string(asid))+"/revoke", nil, nil)
}

// Mailboxes is Desk.Mailboxes.
func (c *Client) Mailboxes(ctx context.Context) (out []Mailbox, err error) {
	return out, c.call(ctx, http.MethodGet, "mailboxes", nil, &out)
}

// PutMailboxes is Desk.PutMailboxes.
func (c *Client) PutMailboxes(ctx context.Context, boxes []Mailbox) error {
	return c.call(ctx, http.MethodPost, "mailboxes", boxes, nil)
}

// EventTypes is Desk.EventTypes.
func (c *Client) EventTypes(ctx context.Context) (out []EventType, err error) {
	return out, c.call(ctx, http.MethodGet, "event-types", nil, &out)
}

// SetLifeCycle is Desk.SetLifeCycle.
func (c *Client) SetLifeCycle(ctx context.Context, code string, l LifeCycle) error {
	return c.call(ctx, http.MethodPut, "event-types/"+url.PathEscape(code), l, nil)
}

// QuotaUses is Desk.QuotaUses.
func (c *Client) QuotaUses(ctx context.Context, f QuotaFilter) (out []QuotaUse, err error) {
	return out, c.call(ctx, http.MethodPost, "quotas/search", f, &out)
}

// Subscriptions is Desk.Subscriptions.
func (c *Client) Subscriptions(ctx context.Context, f SubscriptionFilter) iter.Seq2[Subscription, error] {
	return lines[Subscription](ctx, c, "subscriptions/search", f)
}

// ApproveSubscriptions is Desk.ApproveSubscriptions.
func (c *Client) ApproveSubscriptions(ctx context.Context, ids []string) error {
	return c.call(ctx, http.MethodPost, "subscriptions/approve", ids, nil)
}

// Audit is Desk.Audit.
func (c *Client) Audit(ctx context.Context, f Filter) iter.Seq2[Record, error] {
	return lines[Record](ctx, c, "audit/search", f)
}

// Chain is Desk.Chain.
func (c *Client) Chain(ctx context.Context, from, to time.Time) iter.Seq2[ChainLink, error] {
	return lines[ChainLink](ctx, c, "audit/chain", span{from, to})
}

// call makes a request and reads the answer into out, unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, body, out any) error {
	answer, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if out == nil {
		_, err := io.Copy(io.Discard, answer.Body)
		return err
	}
	if err := json.NewDecoder(answer.Body).Decode(out); err != nil {
		return fmt.Errorf("%s does not answer as a NEMS does: %w", c.URL, err)
	}
	return nil
}

// lines makes a request whose answer is JSON lines.
func lines[T any](ctx context.Context, c *Client, path string, body any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var line T
		answer, err := c.send(ctx, http.MethodPost, path, body)
		if err != nil {
			yield(line, err)
			return
		}
		defer answer.Body.Close()
		d := json.NewDecoder(answer.Body)
		for {
			var line T
			err := d.Decode(&line)
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// send makes a request and turns an answer that refuses into an error.
func (c *Client) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+Prefix+path, &content)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.Token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(userHeader, c.User)
	h := c.HTTP
	if h == nil {
		h = http.DefaultClient
	}
	answer, err := h.Do(r)
	if err != nil || answer.StatusCode < 300 {
		return answer, err
	}
	defer answer.Body.Close()
	return nil, refused(answer)
}

// refused reads the body of an answer that refuses.
func refused(answer *http.Response) error {
	var p problem
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<16)).Decode(&p); err != nil || p.Error == "" {
		return fmt.Errorf("the service answered %s: is this the address of its operations listener?", answer.Status)
	}
	for _, known := range []error{ErrInvalid, store.ErrNotFound, store.ErrBusy, store.ErrUnknown, store.ErrClosed} {
		// The text ends or begins with the sentinel's own.
		if strings.HasSuffix(p.Error, known.Error()) || strings.HasPrefix(p.Error, known.Error()) {
			return remoteError{p.Error, known}
		}
	}
	return errors.New(p.Error)
}

// remoteError is an error of the service with the sentinel that it wraps.
type remoteError struct {
	text string
	kind error
}

func (e remoteError) Error() string { return e.text }
func (e remoteError) Unwrap() error { return e.kind }
