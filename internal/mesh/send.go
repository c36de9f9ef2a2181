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

// Outgoing is a message to send. Of its headers To and WorkflowID are required;
// From, Chunk and Compressed are filled in.
type Outgoing struct {
	Headers
	// MediaType is the Content-Type of a message in one chunk; "" means octets.
	MediaType string
	// Body holds Size bytes; what is more is not sent.
	Body io.Reader
	Size int64
	// Compress packs each chunk with gzip.
	Compress bool
}

// PartialError: the message was begun and has an id, but not all of its chunks
// arrived. MESH drops it by itself; the message must be sent anew.
type PartialError struct {
	MessageID string
	Err       error
}

func (e *PartialError) Error() string {
	return fmt.Sprintf("message %s was sent in part: %v", e.MessageID, e.Err)
}

func (e *PartialError) Unwrap() error { return e.Err }

// Send sends a message, in chunks if it is longer than the chunk size, and
// returns its message id. After an error that is no *Error the MESH may have
// the message nevertheless; it says that it has after ErrMessageID.
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
	case h.To == "": // a further chunk: the message has its id
		return "", nil
	case id == "":
		return "", fmt.Errorf("MESH accepted the message without naming its id")
	case !IsMessageID(id):
		return "", fmt.Errorf("MESH accepted the message and named as its id what can be none: %w", ErrMessageID)
	}
	return id, nil
}

// packing is a body that is compressed as it is read.
type packing struct {
	*io.PipeReader
	ended chan struct{}
}

// Close ends the compressing and waits for it, so that nobody reads the plain
// body afterwards.
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
