package mailbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"

	"nems/internal/mesh"
)

// smallBody is the largest body that is held in memory, so that its message is
// stored in one transaction. Nearly every message is one.
const smallBody = 256 << 10

// expansion limits the compression ratio of a chunk, beyond the size that it
// could have had uncompressed. A higher ratio is a bomb: text has 5 to 20,
// deflate can reach 1,030.
const expansion = 200

var (
	errNotGzip = mesh.MissingData.With("Data file is not the gzip that Content-Encoding says")
	errBomb    = mesh.MissingData.With("Data file unfolds to more than 200 times its size")
)

// readBody reads the body of a send. A small one is returned in memory, already
// checked. Otherwise large returns the bytes as they arrive. It fails, instead
// of ending, if they are too many, break off, or are not the gzip that they
// should be.
func (c *call) readBody(encoding string) (small []byte, large io.ReadCloser, err error) {
	if c.r.ContentLength > c.MaxChunk {
		return nil, nil, mesh.TooLarge
	}
	c.reading = true
	size := int64(smallBody + 1)
	if n := c.r.ContentLength; n >= 0 && n < size {
		size = n
	}
	// The buffer has room for the read that finds the end; otherwise it would double.
	buffer := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	if _, err := io.Copy(buffer, io.LimitReader(c.body, smallBody+1)); err != nil {
		return nil, nil, c.brokenOff(err)
	}
	switch {
	case buffer.Len() == 0:
		return nil, nil, mesh.MissingData
	case buffer.Len() <= smallBody:
		return buffer.Bytes(), nil, checkSmall(buffer.Bytes(), encoding, c.MaxChunk)
	}
	var whole io.Reader = &limited{call: c, r: io.MultiReader(buffer, c.body), left: c.MaxChunk}
	if encoding == "" {
		return nil, io.NopCloser(whole), nil
	}
	return nil, checkGzip(whole, c.MaxChunk), nil
}

// brokenOff returns the error for a body that ended early or came too slowly.
func (c *call) brokenOff(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.turnAway(SlowBody)
		return mesh.TooSlow
	}
	return fmt.Errorf("%w: %w", mesh.MissingData.With("Data file broke off"), err)
}

// checkSmall checks a body that is in memory.
func checkSmall(body []byte, encoding string, most int64) error {
	if encoding == "" {
		return nil
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return errNotGzip
	}
	return unfold(z, most, func() int64 { return int64(len(body)) })
}

// unfold decompresses to the end and discards the result. The result may always
// have most bytes; packed returns how many compressed bytes have come so far.
func unfold(z io.Reader, most int64, packed func() int64) error {
	var sum int64
	for {
		n, err := io.CopyN(io.Discard, z, 1<<20)
		sum += n
		switch {
		case sum > most && sum > expansion*packed():
			return errBomb
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return errNotGzip
		}
	}
}

// limited reads up to left bytes and then fails if there are more.
type limited struct {
	call *call
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, mesh.TooLarge
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return n, l.call.brokenOff(err)
	}
	return n, err
}

// gzipCheck passes compressed bytes on and decompresses them at the same time.
// At their end it reports whether they were valid.
type gzipCheck struct {
	r       io.Reader
	w       *io.PipeWriter
	verdict chan error
	ended   error // the verdict, once it is known
	done    bool
}

func checkGzip(r io.Reader, most int64) *gzipCheck {
	pr, pw := io.Pipe()
	g := &gzipCheck{r: r, w: pw, verdict: make(chan error, 1)}
	counter := &pipeCount{r: pr}
	go func() {
		z, err := gzip.NewReader(counter)
		if err == nil {
			err = unfold(z, most, func() int64 { return counter.n })
		} else {
			err = errNotGzip
		}
		pr.CloseWithError(err)
		g.verdict <- err
	}()
	return g
}

// pipeCount counts what the decompressing side has read.
type pipeCount struct {
	r io.Reader
	n int64
}

func (c *pipeCount) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (g *gzipCheck) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	if n > 0 {
		if _, werr := g.w.Write(p[:n]); werr != nil {
			return 0, g.judge()
		}
	}
	if errors.Is(err, io.EOF) {
		if bad := g.judge(); bad != nil {
			return 0, bad
		}
	}
	return n, err
}

// judge ends the decompression and returns the verdict.
func (g *gzipCheck) judge() error {
	if !g.done {
		g.w.Close()
		g.ended, g.done = <-g.verdict, true
	}
	return g.ended
}

// Close ends the decompression, if it has not ended yet.
func (g *gzipCheck) Close() error {
	_ = g.judge() // a caller that closes early does not need the verdict
	return nil
}
