package mailbox

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"nems/internal/mesh"
	"nems/internal/store"
)

// The sandbox's endpoints for tests of clients. They exist only in dev mode and
// need no token.

// reset empties all mailboxes.
func (c *call) reset() error {
	if err := c.Boxes.Reset(c.r.Context(), 0); err != nil {
		return err
	}
	return c.json(http.StatusOK, map[string]string{"message": "all mailboxes reset"})
}

// resetOne empties one mailbox.
func (c *call) resetOne() error {
	box, err := c.adminMailbox(c.args[0])
	if err != nil {
		return err
	}
	if err := c.Boxes.Reset(c.r.Context(), box.Row); err != nil {
		return err
	}
	return c.json(http.StatusOK, map[string]string{"message": "mailbox " + box.ID + " reset"})
}

func (c *call) adminMailbox(id string) (store.Mailbox, error) {
	box, err := c.Boxes.Mailbox(c.r.Context(), id)
	if errors.Is(err, store.ErrNotFound) {
		return box, &mesh.Error{Status: http.StatusNotFound, Description: "mailbox does not exist"}
	}
	return box, err
}

// event is the part that a report and a change of status share.
type event struct {
	Status      string `json:"status"`
	Code        string `json:"code"`
	Event       string `json:"event"`
	Description string `json:"description"`
	Linked      string `json:"linked_message_id"`
}

// apply makes the event the state of a message. The sandbox's "error" is our
// undeliverable.
func (e event) apply(m *store.Message, now time.Time) error {
	status := strings.ToLower(e.Status)
	if status == "error" {
		status = store.Undeliverable.MESHStatus()
	}
	state, err := store.ParseState(status)
	if err != nil || !state.Trackable() {
		return invalid{"body", "status", "uploading, accepted, acknowledged, undeliverable or error"}
	}
	m.Status, m.StatusAt = state, now.UTC()
	m.ErrorCode, m.ErrorEvent, m.ErrorText, m.LinkedID = e.Code, e.Event, e.Description, e.Linked
	return nil
}

// putReport puts a report into an inbox.
func (c *call) putReport() error {
	var in struct {
		event
		Mailbox  string `json:"mailbox_id"`
		Workflow string `json:"workflow_id"`
		Subject  string `json:"subject"`
		LocalID  string `json:"local_id"`
		FileName string `json:"file_name"`
	}
	in.Status, in.Event = store.Undeliverable.MESHStatus(), "TRANSFER"
	if err := c.readAdmin(&in); err != nil {
		return err
	}
	for name, value := range map[string]string{"mailbox_id": in.Mailbox, "code": in.Code, "description": in.Description, "workflow_id": in.Workflow} {
		if value == "" {
			return invalid{"body", name, "Field required"}
		}
	}
	box, err := c.adminMailbox(in.Mailbox)
	if err != nil {
		return err
	}
	now := c.Now().UTC()
	m := store.Message{
		Position: c.Boxes.NextPosition(), Mailbox: box.Row, Recipient: box.ID, RecipientODS: box.ODS,
		Workflow: in.Workflow, Type: store.Report, Subject: in.Subject, LocalID: in.LocalID, FileName: in.FileName,
		Chunks: 1, Expires: expiry(now),
	}
	if err := in.apply(&m, now); err != nil {
		return err
	}
	m.Status = store.Waiting // the report itself waits to be collected
	if err := c.did(c.Boxes.Send(c.r.Context(), m, nil, c.with(http.StatusOK))); err != nil {
		return err
	}
	return c.json(http.StatusOK, map[string]string{"message_id": messageID(m)})
}

// addEvent changes the state of a message.
func (c *call) addEvent() error {
	m, err := c.message(c.args[0])
	if err != nil {
		return err
	}
	var in event
	if err := c.readAdmin(&in); err != nil {
		return err
	}
	if err := in.apply(&m, c.Now()); err != nil {
		return err
	}
	if err := c.Boxes.SetStatus(c.r.Context(), m, nil); err != nil {
		return err
	}
	return c.empty()
}

// readAdmin reads a small JSON body.
func (c *call) readAdmin(into any) error {
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, 64<<10))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return invalid{"body", "", "not the JSON object expected"}
	}
	return nil
}

// mailboxDetails shows a mailbox, without its password.
func (c *call) mailboxDetails() error {
	box, err := c.adminMailbox(c.args[0])
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, map[string]any{
		"mailbox_id": box.ID, "mailbox_name": box.Name, "ods_code": box.ODS, "org_code": box.ODS, "org_name": "", "active": true,
	})
}

// messageDetails shows what is known about a message, but nothing of its body.
func (c *call) messageDetails() error {
	m, err := c.message(c.args[0])
	if err != nil {
		return err
	}
	recipient, err := c.Boxes.Mailbox(c.r.Context(), m.Recipient)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	f := trackingV2(m, recipient)
	f["message_type"], f["status"] = title(string(m.Type)), title(m.Status.MESHStatus())
	f["chunk_count"], f["file_size"] = m.Chunks, m.Size
	f["is_compressed"], f["is_encrypted"] = m.Compressed, m.Encrypted
	f.text("content_encoding", m.ContentEncoding)
	f.text("checksum", m.Checksum)
	f.text("sender", m.Sender)
	f.text("sender_ods_code", string(m.SenderODS))
	f.text("subject", m.Subject)
	f.text("linked_msg_id", m.LinkedID)
	return c.json(http.StatusOK, f)
}
