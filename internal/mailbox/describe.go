package mailbox

import (
	"net/http"
	"strconv"

	"nems/internal/mesh"
	"nems/internal/store"
	"nems/internal/subscription"
)

// describe writes the mex- headers of a message's chunk n.
func (c *call) describe(m store.Message, n int) {
	id := messageID(m)
	partner, _ := subscription.CapPartnerID(m.PartnerID, mesh.MaxPartnerID)
	h := mesh.Headers{
		From: m.Sender, To: m.Recipient, WorkflowID: m.Workflow,
		MessageType: string(m.Type), MessageID: id,
		LocalID: m.LocalID, PartnerID: partner, FileName: fileName(m, id), Subject: m.Subject,
		Chunk: mesh.ChunkRange{Number: n, Total: m.Chunks}, TotalChunks: strconv.Itoa(m.Chunks),
		Compressed: m.Compressed || m.ContentEncoding == "gzip", Encrypted: m.Encrypted,
		Checksum: m.Checksum, ContentType: m.ContentType,
		AddressType: "ALL", Version: "1.0", StatusTime: m.StatusAt, Replay: m.Replay,
	}
	switch {
	case m.Type == store.Report:
		h.Chunk.Total, h.TotalChunks = 0, "0" // as in the sandbox: there is no body
		fallthrough
	case m.ErrorCode != "":
		h.StatusSuccess = "ERROR"
		h.StatusCode, h.StatusEvent, h.StatusDescription = m.ErrorCode, m.ErrorEvent, m.ErrorText
		h.LinkedMsgID = m.LinkedID
	default:
		h.StatusSuccess, h.StatusCode, h.StatusEvent = "SUCCESS", "00", "TRANSFER"
		h.StatusDescription = "Transferred to recipient mailbox"
	}
	h.Write(c.w.Header())
	// The specification shows an etag but does not explain it. A message never
	// changes, so the id and the chunk number identify the bytes.
	c.w.Header()["etag"] = []string{`"` + id + "-" + strconv.Itoa(n) + `"`}
	c.w.Header().Set("Last-Modified", m.StatusAt.UTC().Format(http.TimeFormat))
}

func fileName(m store.Message, id string) string {
	if m.FileName == "" {
		return id + ".dat"
	}
	return m.FileName
}
