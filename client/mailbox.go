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

// MailboxConfig says which mailbox of which MESH to use.
type MailboxConfig struct {
	// URL is the MESH's address: scheme, host and port.
	URL string
	// ID, Password and SharedKey are used to sign the token of every request.
	ID, Password, SharedKey string
	// HTTP makes the calls; nil means a client that trusts the system's certificates.
	HTTP *http.Client
	// Now is the clock used for tokens; nil means time.Now.
	Now func() time.Time
}

// Copy is one message from a mailbox.
type Copy struct {
	MessageID   string // the MESH message id
	From        string // sending mailbox
	To          string // receiving mailbox
	WorkflowID  string // corresponds to the event type
	MessageType string // DATA or REPORT
	LocalID     string // the sender's id of this copy
	FileName    string
	// PartnerID names the tagged subscriptions for which the copy was made:
	// `id|tag~~~id|tag`.
	PartnerID string
	// Replay is the replay by which the message comes again, "" if none: an
	// extension of this NEMS. The message is as it was.
	Replay string
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

// Handshake validates the mailbox, as MESH asks of clients once a day. It fails
// when the mailbox, its password or the shared key is wrong.
func (m *Mailbox) Handshake(ctx context.Context) error { return m.client.Handshake(ctx) }

// List returns the ids of up to 500 waiting messages, oldest first.
func (m *Mailbox) List(ctx context.Context) ([]string, error) {
	inbox, err := m.client.List(ctx, mesh.ListQuery{})
	return inbox.Messages, err
}

// maxCopy limits a message in bytes, after decompression: a longer one could
// fill the caller's memory. Event messages have 3 MB at most.
const maxCopy = 100 << 20

// Download returns one message. The message stays in the mailbox until
// Acknowledge. A message of more than 100 MiB is an error.
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
		LocalID: d.LocalID, FileName: d.FileName, PartnerID: d.PartnerID, Replay: d.ReplayOf(), Body: body,
	}, nil
}

// Acknowledge removes a message from the mailbox. Call it only once the message
// is safely stored, because it is not shown again.
func (m *Mailbox) Acknowledge(ctx context.Context, id string) error {
	return m.client.Acknowledge(ctx, id)
}
