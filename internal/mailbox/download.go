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

// download answers "Get Message": the first chunk, or all of it.
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
	// What is acknowledged "cannot be downloaded again".
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

// mediaType: version 1 has octets only, and so have chunks; but the copy of an
// event is always what its publisher sent.
func (c *call) mediaType(m store.Message) string {
	if m.ContentType != "" && m.Chunks < 2 && (c.version == mesh.V2 || m.EventCode != "") {
		return m.ContentType
	}
	return mesh.MediaOctets
}

// sendBody writes a chunk. What was sent packed is unpacked for a client that
// does not take gzip; in version 2 what was not is packed for one that does.
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

// bodyWriter begins the answer with the first byte: until then a chunk that
// cannot be read still gets an error form.
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

// packers are reused: one holds some hundred kilobytes.
var packers = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil { // a constant level: cannot fail
		return gzip.NewWriter(io.Discard)
	}
	return z
}}

func (c *call) pack(n int, out io.Writer) error {
	z, _ := packers.Get().(*gzip.Writer) // the pool holds nothing else
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

// undoEncoding: an error form that takes the place of a body is not packed.
func (c *call) undoEncoding() {
	if c.w.status == 0 {
		c.w.Header().Del("Content-Encoding")
	}
}

// unpack streams: the chunk is read and unpacked at the same time, and the
// reading has ended when it returns.
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

// head answers "Head Message". The sender may ask too, in any state.
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
