package mailbox

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"nems/internal/mesh"
	"nems/internal/store"
)

// track answers "Track outbox". A message that the mailbox did not send is not found.
func (c *call) track() error {
	id := c.r.URL.Query().Get("messageID")
	if id == "" {
		return invalid{"query", "messageID", "Field required"}
	}
	m, err := c.message(id)
	if err != nil {
		return err
	}
	if m.Sender != c.box.ID {
		return mesh.NoSuchMessage
	}
	return c.tracking(m)
}

// trackLocal answers "Track outbox (deprecated)", always in version 1's form.
func (c *call) trackLocal() error {
	c.version = mesh.V1
	found, err := c.Boxes.SentByLocalID(c.r.Context(), c.box.ID, c.args[0])
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	case len(found) == 0:
		return mesh.NoSuchMessage
	case len(found) > 1:
		return mesh.ManyMatches
	}
	c.concerns(found[0])
	return c.tracking(found[0])
}

// tracking answers with what is known about a message. If the recipient's
// mailbox no longer exists, its name is left out.
func (c *call) tracking(m store.Message) error {
	recipient, err := c.Boxes.Mailbox(c.r.Context(), m.Recipient)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if c.version == mesh.V2 {
		return c.json(http.StatusOK, trackingV2(m, recipient))
	}
	return c.json(http.StatusOK, trackingV1(m, recipient, c.box))
}

// fields are the members of an answer. Empty texts are left out.
type fields map[string]any

func (f fields) text(name, value string) {
	if value != "" {
		f[name] = value
	}
}

func (f fields) time(name string, t time.Time, layout string) {
	if !t.IsZero() {
		f[name] = t.UTC().Format(layout)
	}
}

func trackingV2(m store.Message, recipient store.Mailbox) fields {
	f := fields{"message_id": messageID(m), "status_success": m.ErrorCode == ""}
	f.text("local_id", m.LocalID)
	f.text("workflow_id", m.Workflow)
	f.text("filename", fileName(m, messageID(m)))
	f.time("expiry_time", m.Expires, time.RFC3339)
	f.time("upload_timestamp", m.Sent, time.RFC3339)
	f.text("recipient", m.Recipient)
	f.text("recipient_name", recipient.Name)
	f.text("recipient_ods_code", string(m.RecipientODS))
	f.text("recipient_org_code", string(m.RecipientODS))
	f.text("status", m.Status.MESHStatus())
	f.time("status_timestamp", m.StatusAt, time.RFC3339)
	f.text("status_event", m.ErrorEvent)
	f.text("status_description", m.ErrorText)
	f.text("status_code", m.ErrorCode)
	return f
}

func trackingV1(m store.Message, recipient, sender store.Mailbox) fields {
	id := messageID(m)
	f := fields{
		"dtsId": id, "messageId": id, "addressType": "ALL", "version": "1.0",
		"fileName": fileName(m, id), "fileSize": m.Size, "chunkCount": m.Chunks,
		"checksum": m.Checksum, "contentEncoding": m.ContentEncoding, "partnerId": m.PartnerID,
		"compressFlag": flag(m.Compressed), "isCompressed": flag(m.Compressed), "encryptedFlag": flag(m.Encrypted),
		"messageType": title(string(m.Type)), "status": title(m.Status.MESHStatus()),
		"statusSuccess": "SUCCESS",
	}
	f.time("expiryTime", m.Expires, mesh.StatusTime)
	f.time("uploadTimestamp", m.Sent, mesh.StatusTime)
	if m.Status == store.Acknowledged {
		f.time("downloadTimestamp", m.StatusAt, mesh.StatusTime)
	}
	if m.ErrorCode != "" {
		f["statusSuccess"] = "ERROR"
		f.text("statusCode", m.ErrorCode)
		f.text("statusEvent", m.ErrorEvent)
		f.text("statusDescription", m.ErrorText)
		f.text("failureDiagnostic", m.ErrorText)
		f.time("failureDate", m.StatusAt, mesh.StatusTime)
		f.time("statusTimestamp", m.StatusAt, mesh.StatusTime)
		f.text("linkedMsgId", m.LinkedID)
	}
	f.text("localId", m.LocalID)
	f.text("subject", m.Subject)
	f.text("workflowId", m.Workflow)
	f.text("recipient", m.Recipient)
	f.text("recipientName", recipient.Name)
	f.text("meshRecipientOdsCode", string(m.RecipientODS))
	f.text("recipientOrgCode", string(m.RecipientODS))
	f.text("sender", m.Sender)
	f.text("senderName", sender.Name)
	f.text("senderOdsCode", string(m.SenderODS))
	f.text("senderOrgCode", string(m.SenderODS))
	return f
}

func flag(set bool) string {
	if set {
		return "Y"
	}
	return ""
}

// title writes a state as version 1 does, such as Accepted.
func title(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + strings.ToLower(s[1:])
}
