package mesh

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"nems/internal/plain"
)

// Tracking is what MESH knows about a message that was sent.
type Tracking struct {
	MessageID         string // "" when MESH names an id that no message can have
	LocalID           string
	WorkflowID        string
	FileName          string
	Recipient         string
	Status            string // accepted, acknowledged, undeliverable, uploading
	StatusCode        string
	StatusEvent       string
	StatusDescription string
	Uploaded          string // as MESH writes it; the versions differ
	Expires           string
}

// trackingAnswer has the members of both versions.
type trackingAnswer struct {
	MessageID         string `json:"message_id"`
	LocalID           string `json:"local_id"`
	WorkflowID        string `json:"workflow_id"`
	FileName          string `json:"filename"`
	Recipient         string `json:"recipient"`
	Status            string `json:"status"`
	StatusCode        string `json:"status_code"`
	StatusEvent       string `json:"status_event"`
	StatusDescription string `json:"status_description"`
	Uploaded          string `json:"upload_timestamp"`
	Expires           string `json:"expiry_time"`

	MessageID1         string `json:"messageId"`
	LocalID1           string `json:"localId"`
	WorkflowID1        string `json:"workflowId"`
	FileName1          string `json:"fileName"`
	StatusCode1        string `json:"statusCode"`
	StatusEvent1       string `json:"statusEvent"`
	StatusDescription1 string `json:"statusDescription"`
	Uploaded1          string `json:"uploadTimestamp"`
	Expires1           string `json:"expiryTime"`
}

// tracking combines the members. An answer has those of one version; the others are empty.
func (a trackingAnswer) tracking() Tracking {
	return Tracking{
		MessageID: messageID(a.MessageID + a.MessageID1), LocalID: plain.Short(a.LocalID+a.LocalID1, mostName),
		WorkflowID: plain.Short(a.WorkflowID+a.WorkflowID1, mostName), FileName: plain.Short(a.FileName+a.FileName1, mostName),
		Recipient: plain.Short(a.Recipient, mostID), Status: strings.ToLower(plain.Short(a.Status, mostCode)),
		StatusCode: plain.Short(a.StatusCode+a.StatusCode1, mostCode), StatusEvent: plain.Short(a.StatusEvent+a.StatusEvent1, mostCode),
		StatusDescription: plain.Short(a.StatusDescription+a.StatusDescription1, mostText),
		Uploaded:          plain.Short(a.Uploaded+a.Uploaded1, mostCode), Expires: plain.Short(a.Expires+a.Expires1, mostCode),
	}
}

// Track asks about a sent message by its message id. A message that MESH does
// not know is an *Error with status 404.
func (c *Client) Track(ctx context.Context, messageID string) (Tracking, error) {
	if !IsMessageID(messageID) {
		return Tracking{}, ErrMessageID
	}
	var a trackingAnswer
	target := c.mailboxPath("outbox", "tracking") + "?" + url.Values{"messageID": {messageID}}.Encode()
	err := c.call(ctx, http.MethodGet, target, &a)
	return a.tracking(), err
}

// TrackLocal asks by the local id (deprecated by MESH). It returns an *Error
// with status 404 when there is no such message, with status 300 when there are
// several.
func (c *Client) TrackLocal(ctx context.Context, localID string) (Tracking, error) {
	var a trackingAnswer
	err := c.call(ctx, http.MethodGet, c.mailboxPath("outbox", "tracking", localID), &a)
	return a.tracking(), err
}

// Endpoint is a mailbox that a look-up found.
type Endpoint struct {
	Mailbox string
	Name    string
}

// Lookup finds the mailboxes of an organisation that receive a workflow. It
// returns ErrTooMuch when there are more than 10,000.
func (c *Client) Lookup(ctx context.Context, ods, workflow string) ([]Endpoint, error) {
	return c.lookup(ctx, c.path("endpointlookup", ods, workflow))
}

// LookupWorkflow finds all mailboxes that receive a workflow, with the same limit.
func (c *Client) LookupWorkflow(ctx context.Context, workflow string) ([]Endpoint, error) {
	return c.lookup(ctx, c.path("workflowsearch", workflow))
}

// endpointAnswer has the members of both versions.
type endpointAnswer struct {
	Mailbox string `json:"mailbox_id"`
	Name    string `json:"mailbox_name"`
	Address string `json:"address"`
	Text    string `json:"description"`
}

func (c *Client) lookup(ctx context.Context, target string) ([]Endpoint, error) {
	var answer struct {
		Results json.RawMessage `json:"results"`
	}
	if err := c.call(ctx, http.MethodGet, target, &answer); err != nil {
		return nil, err
	}
	results, more, err := elements[endpointAnswer](answer.Results, mostEndpoints)
	if err != nil {
		return nil, err
	}
	if more {
		return nil, fmt.Errorf("%w: more than %d mailboxes", ErrTooMuch, mostEndpoints)
	}
	found := make([]Endpoint, 0, len(results))
	for _, r := range results {
		found = append(found, Endpoint{plain.Short(r.Mailbox+r.Address, mostID), plain.Short(r.Name+r.Text, mostName)})
	}
	return found, nil
}
