package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"nems/internal/mesh"
)

// Mailbox collects messages from one MESH mailbox, through version 2 of the
// MESH API. Safe for concurrent use.
type Mailbox struct {
	client *mesh.Client
}

// MailboxConfig says which mailbox of which MESH.
type MailboxConfig struct {
	// URL is the MESH's address: scheme, host and port.
	URL string
	// ID, Password and SharedKey make the token of every request.
	ID, Password, SharedKey string
	// HTTP makes the calls; nil means a client with the system's certificates.
	HTTP *http.Client
	// Now is the clock of the tokens; nil means time.Now.
	Now func() time.Time
}

// Copy is one message out of a mailbox.
type Copy struct {
	MessageID   string // the MESH message id
	From        string // sending mailbox
	To          string // receiving mailbox
	WorkflowID  string // tells the event type
	MessageType string // DATA or REPORT
	LocalID     string // the sender's id of this copy
	FileName    string
	// PartnerID names the tagged subscriptions that asked for the copy:
	// `id|tag~~~id|tag`.
	PartnerID string
	// Body is the message, byte for byte as it was published.
	Body []byte
}

// NewMailbox returns a Mailbox. It fails only when the URL cannot be used.
func NewMailbox(c MailboxConfig) (*Mailbox, error) {
	config := mesh.ClientConfig{
		URL: c.URL, Mailbox: c.ID, Password: c.Password, SharedKey: []byte(c.SharedKey), Now: c.Now,
	}
	if c.HTTP != nil {
		config.Transport = c.HTTP.Transport
	}
	m, err := mesh.NewClient(config)
	if err != nil {
		return nil, err
	}
	return &Mailbox{client: m}, nil
}

// Handshake says hello, as MESH asks of clients once a day; it fails when the
// mailbox, its password or the shared key are wrong.
func (m *Mailbox) Handshake(ctx context.Context) error { return m.client.Handshake(ctx) }

// List returns the ids of up to 500 messages that wait, oldest first.
func (m *Mailbox) List(ctx context.Context) ([]string, error) {
	inbox, err := m.client.List(ctx, mesh.ListQuery{})
	return inbox.Messages, err
}

// maxCopy bounds a message, in bytes, unpacked: what is longer would fill the
// memory of whoever asks for it. Messages of events have 3 MB at most.
const maxCopy = 100 << 20

// Download returns one message. It stays in the mailbox until Acknowledge. One of
// more than 100 MiB is an error.
func (m *Mailbox) Download(ctx context.Context, id string) (Copy, error) {
	d, err := m.client.Download(ctx, id)
	if err != nil {
		return Copy{}, err
	}
	defer d.Body.Close()
	body, err := io.ReadAll(io.LimitReader(d.Body, maxCopy+1))
	if err != nil {
		return Copy{}, err
	}
	if len(body) > maxCopy {
		return Copy{}, fmt.Errorf("message %s has more than %d bytes", id, maxCopy)
	}
	return Copy{
		MessageID: id, From: d.From, To: d.To, WorkflowID: d.WorkflowID, MessageType: d.MessageType,
		LocalID: d.LocalID, FileName: d.FileName, PartnerID: d.PartnerID, Body: body,
	}, nil
}

// Acknowledge takes a message out of the mailbox: do it once the message is
// safely kept, for it is not shown again.
func (m *Mailbox) Acknowledge(ctx context.Context, id string) error {
	return m.client.Acknowledge(ctx, id)
}
