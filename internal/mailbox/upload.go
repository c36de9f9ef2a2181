package mailbox

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"

	"nems/internal/mesh"
	"nems/internal/store"
)

// sendChunk answers "Send chunked message". Chunks may come in any order and
// repeatedly. The message becomes visible with its last missing chunk.
func (c *call) sendChunk() error {
	id := c.args[0]
	n, err := strconv.Atoi(c.args[1])
	if err != nil {
		return invalid{"path", "chunk_number", "a whole number"}
	}
	chunk, err := mesh.ParseChunkRange(mesh.Lower(c.r.Header)[mesh.HeaderChunkRange])
	if err != nil || chunk.Number != n {
		return mesh.InvalidChunks.About(id)
	}
	m, err := c.message(id)
	if err != nil {
		return err
	}
	if m.Sender != c.box.ID {
		return mesh.Forbidden
	}
	if err := c.checkChunk(m, chunk); err != nil {
		return err
	}
	if err := c.putChunk(m, n); err != nil {
		return err
	}
	now := c.Now().UTC()
	complete, err := c.Boxes.Complete(c.r.Context(), m.Mailbox, m.Position, now, expiry(now), c.with(http.StatusAccepted))
	c.recorded = complete
	// ErrNotFound means that another request has completed the message in between.
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return c.sent(m, &n)
}

// checkChunk checks a chunk against the message to which it is said to belong.
func (c *call) checkChunk(m store.Message, chunk mesh.ChunkRange) error {
	id := messageID(m)
	switch encoding, err := contentEncoding(c.r.Header); {
	case m.Status != store.Uploading:
		return mesh.NotUploading.About(id)
	case chunk.Number > m.Chunks || m.Type != store.Data:
		return mesh.NoSuchChunk.About(id)
	case chunk.Total != m.Chunks:
		return mesh.InvalidChunks.About(id)
	case err != nil || encoding != m.ContentEncoding:
		return mesh.EncodingChanged.About(id)
	}
	return nil
}

func (c *call) putChunk(m store.Message, n int) error {
	small, large, err := c.readBody(m.ContentEncoding)
	if err != nil {
		return err
	}
	var body io.Reader = bytes.NewReader(small)
	if large != nil {
		defer large.Close()
		body = large
	}
	_, err = c.Boxes.PutChunk(c.r.Context(), m.Mailbox, m.Position, n, body)
	return err
}
