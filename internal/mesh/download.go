package mesh

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"nems/internal/plain"
)

// Download is a message that is being downloaded. Body returns the bytes of all
// chunks, decompressed; it must be closed.
type Download struct {
	Headers
	// MediaType is the Content-Type of the answer. If Headers.ContentType is
	// set, it takes precedence.
	MediaType string
	Body      io.ReadCloser
}

// Download downloads a message. Further chunks are requested while Body is
// read, and ctx applies to that too. It returns ErrMessageID for an id that no
// message can have.
func (c *Client) Download(ctx context.Context, messageID string) (*Download, error) {
	answer, err := c.chunk(ctx, messageID, 1)
	if err != nil {
		return nil, err
	}
	d := &Download{Headers: readAnswer(answer.Header), MediaType: plain.Short(answer.Header.Get("Content-Type"), mostID)}
	body := &chunks{ctx: ctx, client: c, id: messageID, number: 1, total: max(d.Chunk.Total, 1)}
	if err := body.open(answer); err != nil {
		return nil, err
	}
	d.Body = body
	return d, nil
}

// Head fetches the headers of a message.
func (c *Client) Head(ctx context.Context, messageID string) (Headers, error) {
	if !IsMessageID(messageID) {
		return Headers{}, ErrMessageID
	}
	r, err := c.request(ctx, http.MethodHead, c.mailboxPath("inbox", messageID), nil)
	if err != nil {
		return Headers{}, err
	}
	answer, err := c.do(r, http.StatusOK)
	if err != nil {
		return Headers{}, err
	}
	return readAnswer(answer.Header), answer.Body.Close()
}

func (c *Client) chunk(ctx context.Context, messageID string, n int) (*http.Response, error) {
	if !IsMessageID(messageID) {
		return nil, ErrMessageID
	}
	segments := []string{"inbox", messageID}
	if n > 1 {
		segments = append(segments, strconv.Itoa(n))
	}
	r, err := c.request(ctx, http.MethodGet, c.mailboxPath(segments...), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept-Encoding", "gzip")
	return c.do(r, http.StatusOK, http.StatusPartialContent)
}

// chunks reads the chunks of a message one after the other.
type chunks struct {
	ctx           context.Context
	client        *Client
	id            string
	number, total int
	answer        io.ReadCloser
	reader        io.Reader // reads answer, decompressed
}

// open begins a chunk. An empty body, as reports have it, is not treated as gzip.
func (b *chunks) open(answer *http.Response) error {
	b.answer, b.reader = answer.Body, answer.Body
	if answer.Header.Get("Content-Encoding") != "gzip" {
		return nil
	}
	unpacked, err := gzip.NewReader(answer.Body)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		answer.Body.Close()
		return fmt.Errorf("chunk %d is not the gzip it claims: %w", b.number, err)
	}
	b.reader = unpacked
	return nil
}

func (b *chunks) Read(p []byte) (int, error) {
	for {
		n, err := b.reader.Read(p)
		if n > 0 || !errors.Is(err, io.EOF) {
			if errors.Is(err, io.EOF) {
				err = nil // the next Read finds the error again
			}
			return n, err
		}
		if b.number >= b.total {
			return 0, io.EOF
		}
		b.answer.Close()
		b.number++
		answer, err := b.client.chunk(b.ctx, b.id, b.number)
		if err != nil {
			b.reader = failing{err}
			return 0, err
		}
		if err := b.open(answer); err != nil {
			b.reader = failing{err}
			return 0, err
		}
	}
}

func (b *chunks) Close() error { return b.answer.Close() }

// failing returns the error that ended a download at every Read.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
