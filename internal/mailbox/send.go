package mailbox

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"nems/internal/mesh"
	"nems/internal/nhs"
	"nems/internal/store"
)

// send answers "Send message": a whole message, or its first chunk.
func (c *call) send() error {
	h, err := readSendHeaders(c.r.Header)
	if err != nil {
		return err
	}
	if h.From != "" && !nhs.SameID(h.From, c.box.ID) {
		return mesh.InvalidFrom
	}
	if h.MessageType != "" && !strings.EqualFold(h.MessageType, string(store.Data)) {
		return mesh.InvalidMessageType
	}
	encoding, err := contentEncoding(c.r.Header)
	if err != nil {
		return err
	}
	if h.Chunk.Number != 1 {
		return mesh.InvalidChunks
	}
	recipient, err := c.recipient(c.r.Context(), h)
	if err != nil {
		return err
	}
	m := c.newMessage(h, recipient, encoding)
	if err := c.storeFirst(m); err != nil {
		return err
	}
	return c.sent(m, nil)
}

// recipient finds the mailbox to which a message goes, and checks that the
// workflow is allowed between the two mailboxes.
func (c *call) recipient(ctx context.Context, h mesh.Headers) (store.Mailbox, error) {
	recipient, err := c.Boxes.Mailbox(ctx, h.To)
	if errors.Is(err, store.ErrNotFound) || (err == nil && recipient.Remote) {
		return store.Mailbox{}, mesh.UnregisteredTo
	}
	if err != nil {
		return store.Mailbox{}, err
	}
	w, restricted, err := c.Boxes.Restricted(ctx, h.WorkflowID)
	if err != nil {
		return store.Mailbox{}, err
	}
	if !c.maySend(h.WorkflowID, w, restricted) || restricted && !among(w.Receivers, recipient.ID) {
		return store.Mailbox{}, mesh.NotRegistered
	}
	return recipient, nil
}

// maySend reports whether the caller may send a workflow; w is its
// registration, if it has one.
func (c *call) maySend(workflow string, w store.Workflow, registered bool) bool {
	if c.Reserved != nil && c.Reserved(workflow) {
		return nhs.SameID(c.box.ID, c.NEMS) || registered && among(w.Senders, c.box.ID)
	}
	return !registered || among(w.Senders, c.box.ID)
}

func among(mailboxes []string, id string) bool {
	for _, m := range mailboxes {
		if nhs.SameID(m, id) {
			return true
		}
	}
	return false
}

func (c *call) newMessage(h mesh.Headers, recipient store.Mailbox, encoding string) store.Message {
	now := c.Now().UTC()
	m := store.Message{
		Position: c.Boxes.NextPosition(), Mailbox: recipient.Row,
		Sender: c.box.ID, Recipient: recipient.ID, SenderODS: c.box.ODS, RecipientODS: recipient.ODS,
		Workflow: h.WorkflowID, Type: store.Data, Status: store.Waiting, StatusAt: now,
		LocalID: h.LocalID, PartnerID: h.PartnerID, Subject: h.Subject, FileName: h.FileName,
		ContentType: h.ContentType, ContentEncoding: encoding, Checksum: h.Checksum,
		Compressed: h.Compressed, Encrypted: h.Encrypted,
		Chunks: h.Chunk.Total, Expires: expiry(now),
	}
	if m.ContentType == "" {
		m.ContentType = strings.TrimSpace(c.r.Header.Get("Content-Type"))
	}
	if m.Chunks > 1 {
		m.Status = store.Uploading
	}
	return m
}

// storeFirst stores the message with its first chunk. A small chunk is stored
// in the same transaction; a large one is stored as it arrives, before the
// message. If we stop in between, the chunk belongs to no message and is
// removed after a day.
func (c *call) storeFirst(m store.Message) error {
	small, large, err := c.readBody(m.ContentEncoding)
	if err != nil {
		return err
	}
	ctx := c.r.Context()
	c.concerns(m)
	if large == nil {
		m.Size = int64(len(small))
		return c.did(c.Boxes.Send(ctx, m, small, c.with(http.StatusAccepted)))
	}
	defer large.Close()
	if m.Size, err = c.Boxes.PutChunk(ctx, m.Mailbox, m.Position, 1, large); err != nil {
		return err
	}
	return c.did(c.Boxes.Send(ctx, m, nil, c.with(http.StatusAccepted)))
}

// sent answers 202 with the message id; version 1 also names the chunk.
func (c *call) sent(m store.Message, chunk *int) error {
	if c.version == mesh.V2 {
		return c.json(http.StatusAccepted, map[string]string{"message_id": messageID(m)})
	}
	return c.json(http.StatusAccepted, struct {
		MessageID string `json:"messageID"`
		Chunk     *int   `json:"blockID,omitempty"`
	}{messageID(m), chunk})
}

// longest holds the schema's limits for the headers of a send, in characters.
var longest = map[string]int{
	mesh.HeaderTo: 100, mesh.HeaderWorkflowID: 300, mesh.HeaderChunkRange: 20, mesh.HeaderSubject: 500,
	mesh.HeaderLocalID: 300, mesh.HeaderPartnerID: 500, mesh.HeaderFileName: 300,
	mesh.HeaderContentEncrypted: 20, mesh.HeaderContentCompressed: 20,
	mesh.HeaderContentChecksum: 100, mesh.HeaderContentType: 100,
}

// readSendHeaders reads the mex- headers of a send. Without a chunk range it is
// chunk 1 of 1.
func readSendHeaders(src http.Header) (mesh.Headers, error) {
	mex := mesh.Lower(src)
	for name, most := range longest {
		if value := mex[name]; len(value) > most && utf8.RuneCountInString(value) > most {
			return mesh.Headers{}, invalid{"header", name, "too long"}
		}
	}
	h := mesh.ReadLower(mex)
	if h.To == "" {
		return h, mesh.MissingTo
	}
	if h.WorkflowID == "" {
		return h, mesh.MalformedHeaders.With("Malformed headers: " + mesh.HeaderWorkflowID + " is missing")
	}
	for name, value := range mex {
		if strings.ContainsFunc(value, unicode.IsControl) {
			return h, mesh.MalformedHeaders.With("Malformed headers: " + name)
		}
	}
	for _, name := range [...]string{mesh.HeaderTo, mesh.HeaderWorkflowID, mesh.HeaderContentChecksum} {
		if isURL(strings.TrimSpace(mex[name])) {
			return h, mesh.MalformedHeaders.With("Malformed headers: " + name)
		}
	}
	if strings.ContainsFunc(h.Checksum, notInChecksum) {
		return h, mesh.InvalidChecksum
	}
	if mex[mesh.HeaderChunkRange] == "" {
		h.Chunk = mesh.ChunkRange{Number: 1, Total: 1}
		return h, nil
	}
	_, err := mesh.ParseChunkRange(mex[mesh.HeaderChunkRange])
	return h, err
}

func isURL(s string) bool {
	s = strings.ToLower(s)
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}

// notInChecksum reports whether the sandbox refuses a character in a checksum: it accepts letters,
// digits, white space and three signs.
func notInChecksum(r rune) bool {
	return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune(" \t:-/", r))
}

// contentEncoding returns "" or "gzip".
func contentEncoding(h http.Header) (string, error) {
	switch e := strings.ToLower(strings.TrimSpace(h.Get("Content-Encoding"))); e {
	case "", "gzip":
		return e, nil
	}
	return "", mesh.UnsupportedEncoding
}

// expiry returns when a message that is complete now expires.
func expiry(now time.Time) time.Time { return now.Add(Expiry) }
