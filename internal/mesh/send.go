package mesh

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Outgoing is a message to send. The headers To and WorkflowID are required;
// Send sets From, Chunk and Compressed.
type Outgoing struct {
	Headers
	// MediaType is the Content-Type of a message in one chunk; "" means application/octet-stream.
	MediaType string
	// Body holds Size bytes; further bytes are not sent.
	Body io.Reader
	Size int64
	// Compress compresses each chunk with gzip.
	Compress bool
}

// PartialError says that the message has an id, but that not all of its chunks
// were sent. MESH drops such a message by itself; it must be sent again from
// the beginning.
type PartialError struct {
	MessageID string
	Err       error
}

func (e *PartialError) Error() string {
	return fmt.Sprintf("message %s was sent in part: %v", e.MessageID, e.Err)
}

func (e *PartialError) Unwrap() error { return e.Err }

// Send sends a message, in chunks if it is longer than the chunk size, and
// returns its message id. After an error that is not an *Error the MESH may
// have the message nevertheless. After ErrMessageID it has accepted it.
func (c *Client) Send(ctx context.Context, m Outgoing) (string, error) {
	size := c.config.ChunkSize
	total := int(max((m.Size+size-1)/size, 1))
	if total > MaxChunks {
		return "", fmt.Errorf("%d bytes are more than %d chunks of %d", m.Size, MaxChunks, size)
	}
	h := m.Headers
	h.From = strings.ToUpper(c.config.Mailbox)
	h.Chunk = ChunkRange{}
	if total > 1 {
		h.Chunk = ChunkRange{1, total}
	}
	id, err := c.sendChunk(ctx, c.mailboxPath("outbox"), h, m, min(size, m.Size), total)
	if err != nil {
		return "", err
	}
	left := m.Size - size
	for n := 2; n <= total; n++ {
		h := Headers{Chunk: ChunkRange{n, total}}
		target := c.mailboxPath("outbox", id, strconv.Itoa(n))
		if _, err := c.sendChunk(ctx, target, h, m, min(size, left), total); err != nil {
			return "", &PartialError{id, err}
		}
		left -= size
	}
	return id, nil
}

func (c *Client) sendChunk(ctx context.Context, target string, h Headers, m Outgoing, size int64, total int) (string, error) {
	body := io.LimitReader(m.Body, size)
	if m.Compress {
		packed := pack(body)
		defer packed.Close()
		body, size = packed, -1
	}
	r, err := c.request(ctx, http.MethodPost, target, io.NopCloser(body))
	if err != nil {
		return "", err
	}
	r.ContentLength = size
	h.Write(r.Header)
	media := m.MediaType
	if media == "" || total > 1 {
		media = MediaOctets
	}
	r.Header.Set("Content-Type", media)
	if m.Compress {
		r.Header.Set("Content-Encoding", "gzip")
	}
	answer, err := c.do(r, http.StatusAccepted, http.StatusOK)
	if err != nil {
		return "", err
	}
	var sent struct {
		V2 string `json:"message_id"`
		V1 string `json:"messageID"`
	}
	if err := readJSON(answer, maxAnswer, &sent); err != nil {
		return "", err
	}
	id := sent.V2 + sent.V1
	switch {
	case h.To == "": // a further chunk, so the message already has its id
		return "", nil
	case id == "":
		return "", fmt.Errorf("MESH accepted the message without naming its id")
	case !IsMessageID(id):
		return "", fmt.Errorf("MESH accepted the message, but the id that it returned cannot be a message id: %w", ErrMessageID)
	}
	return id, nil
}

// packing is a body that is compressed while it is read.
type packing struct {
	*io.PipeReader
	ended chan struct{}
}

// Close ends the compression and waits for it, so that nobody reads the
// uncompressed body afterwards.
func (p packing) Close() error {
	err := p.PipeReader.Close()
	<-p.ended
	return err
}

func pack(plain io.Reader) packing {
	r, w := io.Pipe()
	p := packing{r, make(chan struct{})}
	go func() {
		defer close(p.ended)
		z := gzip.NewWriter(w)
		_, err := io.Copy(z, plain)
		if err == nil {
			err = z.Close()
		}
		w.CloseWithError(err)
	}()
	return p
}
