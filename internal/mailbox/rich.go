package mailbox

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"nems/internal/mesh"
	"nems/internal/store"
)

// The rich lists are the sandbox's: newest first, including acknowledged
// messages, always in version 2's form.

type richMessage struct {
	ID            string `json:"message_id"`
	Expires       string `json:"expiry_timestamp"`
	LocalID       string `json:"local_id"`
	Type          string `json:"message_type"`
	Recipient     string `json:"recipient"`
	RecipientName string `json:"recipient_name,omitempty"`
	Sender        string `json:"sender"`
	SenderName    string `json:"sender_name,omitempty"`
	Sent          string `json:"sent_date"`
	Status        string `json:"status"`
	StatusCode    string `json:"status_code"`
	Workflow      string `json:"workflow_id"`
	Chunks        int    `json:"total_chunks"`
}

type richList struct {
	ValidAt  string            `json:"valid_at"`
	Messages []richMessage     `json:"messages"`
	Links    map[string]string `json:"links"`
}

func (c *call) richInbox() error {
	return c.rich("/inbox/rich", 1, 2000, func(ctx context.Context, since time.Time, before store.EventID, max int) ([]store.Message, error) {
		return c.Boxes.History(ctx, c.box.Row, since, before, max)
	})
}

func (c *call) richOutbox() error {
	return c.rich("/outbox/rich", 10, 5000, func(ctx context.Context, since time.Time, before store.EventID, max int) ([]store.Message, error) {
		return c.Boxes.Outbox(ctx, c.box.ID, since, before, max)
	})
}

type history func(ctx context.Context, since time.Time, before store.EventID, max int) ([]store.Message, error)

const richPage = 100

func (c *call) rich(path string, least, most int, fetch history) error {
	c.version = mesh.V2
	query := c.r.URL.Query()
	size, err := pageSize(query, richPage, least, most)
	if err != nil {
		return err
	}
	since := c.Now().UTC().Add(-Retention)
	if text := query.Get("start_time"); text != "" {
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			return invalid{"query", "start_time", "an ISO 8601 date and time with zone"}
		}
	}
	before, err := c.continueFrom(query)
	if err != nil {
		return err
	}
	var page []store.Message
	err = c.reads(func(ctx context.Context) (err error) {
		page, err = fetch(ctx, since, before, size+1)
		return err
	})
	if err != nil {
		return err
	}
	keep := url.Values{"start_time": {since.Format(time.RFC3339)}, "max_results": {strconv.Itoa(size)}}
	path = "/messageexchange/" + url.PathEscape(c.box.ID) + path
	links := map[string]string{"self": withQuery(path, keep)}
	if len(page) > size {
		page = page[:size]
		keep.Set("continue_from", continuation(c.box.Row, page[size-1].Position))
		links["next"] = withQuery(path, keep)
	}
	return c.json(http.StatusOK, richList{c.Now().UTC().Format(time.RFC3339Nano), c.richMessages(page), links})
}

func (c *call) richMessages(page []store.Message) []richMessage {
	names := map[string]string{c.box.ID: c.box.Name}
	rich := make([]richMessage, len(page))
	for i, m := range page {
		rich[i] = richMessage{
			ID: messageID(m), Expires: m.Expires.UTC().Format(time.RFC3339), LocalID: m.LocalID,
			Type: string(m.Type), Recipient: m.Recipient, RecipientName: c.mailboxName(names, m.Recipient),
			Sender: m.Sender, SenderName: c.mailboxName(names, m.Sender),
			Sent: m.Sent.UTC().Format(time.RFC3339Nano), Status: m.Status.MESHStatus(),
			StatusCode: m.ErrorCode, Workflow: m.Workflow, Chunks: m.Chunks,
		}
	}
	return rich
}

// mailboxName looks a name up once for a list. The name of an unknown mailbox
// is left out.
func (c *call) mailboxName(known map[string]string, id string) string {
	name, ok := known[id]
	if !ok && id != "" {
		if box, err := c.Boxes.Mailbox(c.r.Context(), id); err == nil {
			name = box.Name
		}
		known[id] = name
	}
	return name
}
