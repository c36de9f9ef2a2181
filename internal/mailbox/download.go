package mailbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"nems/internal/mesh"
	"nems/internal/store"
)

// download answers "Get Message" with the first chunk, or with the whole message.
func (c *call) download() error { return c.retrieve(1) }

// downloadChunk answers "Get Message chunk".
func (c *call) downloadChunk() error {
	n, err := strconv.Atoi(c.args[1])
	if err != nil || n < 1 {
		return invalid{"path", "chunk_number", "a whole number from 1"}
	}
	return c.retrieve(n)
}

func (c *call) retrieve(n int) error {
	m, err := c.message(c.args[0])
	if err != nil {
		return err
	}
	if m.Mailbox != c.box.Row {
		return mesh.Forbidden
	}
	// An acknowledged message "cannot be downloaded again".
	if m.Status != store.Waiting {
		return mesh.Gone
	}
	if m.Type == store.Report {
		c.describe(m, n)
		return c.empty()
	}
	if n > m.Chunks {
		return mesh.NoSuchMessage
	}
	c.describe(m, n)
	c.w.Header().Set("Content-Type", c.mediaType(m))
	status := http.StatusOK
	if n < m.Chunks {
		status = http.StatusPartialContent
	}
	return c.sendBody(m, n, status)
}

// mediaType returns octets in version 1 and for chunks, except that the copy of
// an event always has its publisher's type.
func (c *call) mediaType(m store.Message) string {
	if m.ContentType != "" && m.Chunks < 2 && (c.version == mesh.V2 || m.EventCode != "") {
		return m.ContentType
	}
	return mesh.MediaOctets
}

// sendBody writes a chunk. A chunk that was sent compressed is decompressed for
// a client that does not accept gzip. In version 2 an uncompressed chunk is
// compressed for a client that does.
func (c *call) sendBody(m store.Message, n, status int) error {
	h := c.w.Header()
	accepts := strings.Contains(strings.ToLower(c.r.Header.Get("Accept-Encoding")), "gzip")
	packed := m.ContentEncoding == "gzip"
	out := &bodyWriter{call: c, status: status}
	switch {
	case packed && !accepts:
		return c.unpack(n, out)
	case packed:
		h.Set("Content-Encoding", "gzip")
	case accepts && c.version == mesh.V2:
		h.Set("Content-Encoding", "gzip")
		return c.pack(n, out)
	}
	if m.Chunks == 1 {
		h.Set("Content-Length", strconv.FormatInt(m.Size, 10))
	}
	if err := c.Boxes.Chunk(c.r.Context(), &c.about, n, out); err != nil {
		return missingChunk(err)
	}
	out.begin()
	return nil
}

func missingChunk(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return mesh.NoSuchMessage
	}
	return err
}

// bodyWriter begins the answer with the first byte, so that a chunk that cannot
// be read can still get an error answer.
type bodyWriter struct {
	*call
	status int
}

func (b *bodyWriter) begin() {
	if b.w.status == 0 {
		b.w.WriteHeader(b.status)
	}
}

func (b *bodyWriter) Write(p []byte) (int, error) {
	b.begin()
	return b.w.Write(p)
}

// packers are reused, because one takes some hundred kilobytes.
var packers = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil { // cannot fail, because the level is a constant
		return gzip.NewWriter(io.Discard)
	}
	return z
}}

func (c *call) pack(n int, out io.Writer) error {
	z, _ := packers.Get().(*gzip.Writer) // the pool holds only these
	defer packers.Put(z)
	z.Reset(out)
	if err := c.Boxes.Chunk(c.r.Context(), &c.about, n, z); err != nil {
		c.undoEncoding()
		return missingChunk(err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("packing a chunk: %w", err)
	}
	return nil
}

// undoEncoding is for an error answer in place of a body: it is not compressed.
func (c *call) undoEncoding() {
	if c.w.status == 0 {
		c.w.Header().Del("Content-Encoding")
	}
}

// unpack streams: it decompresses the chunk while it is read. When it returns,
// reading has ended.
func (c *call) unpack(n int, out *bodyWriter) error {
	r, w := io.Pipe()
	read := make(chan error, 1)
	go func() {
		err := c.Boxes.Chunk(c.r.Context(), &c.about, n, w)
		w.CloseWithError(err)
		read <- err
	}()
	z, err := gzip.NewReader(r)
	if err == nil {
		_, err = io.Copy(out, z)
	}
	r.CloseWithError(io.ErrClosedPipe)
	if chunkErr := <-read; chunkErr != nil && !errors.Is(chunkErr, io.ErrClosedPipe) {
		return missingChunk(chunkErr)
	}
	if err != nil {
		return fmt.Errorf("unpacking a chunk: %w", err)
	}
	out.begin()
	return nil
}

// head answers "Head Message". The sender may ask too, whatever the message's state.
func (c *call) head() error {
	m, err := c.message(c.args[0])
	if err != nil {
		return err
	}
	mine := m.Mailbox == c.box.Row
	if !mine && m.Sender != c.box.ID {
		return mesh.NoSuchMessage
	}
	if mine && m.Sender != c.box.ID && m.Status != store.Waiting && m.Status != store.Acknowledged {
		return mesh.Gone
	}
	c.describe(m, 1)
	return c.empty()
}
