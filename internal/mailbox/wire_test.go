package mailbox_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"nems/internal/mailbox"
	"nems/internal/mesh"
	"nems/internal/store"
)

// The copy of an event has every header that clients in use require, in lower
// case over HTTP/1.1, and its own content type in both versions.
func TestCopyOfAnEventOnTheWire(t *testing.T) {
	fx := newFixture(t)
	id := fx.published(patient(t), "<Bundle/>")
	position, row, _ := mesh.ParseMessageID(id)
	m, err := fx.boxes.Message(ctx, row, store.EventID(position))
	if err != nil || m.PartnerID == "" {
		t.Fatal(m, err)
	}
	for _, accept := range []string{mesh.MediaV1, mesh.MediaV2} {
		raw := fx.raw("GET /messageexchange/BOB/inbox/" + id + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: " + accept + "\r\nAuthorization: " + fx.token("BOB") + "\r\n\r\n")
		for _, line := range []string{
			"HTTP/1.1 200 OK\r\n", "\r\nContent-Type: application/fhir+xml\r\n", "\r\nContent-Length: 9\r\n",
			"\r\nmex-from: X26NEMS\r\n", "\r\nmex-to: BOB\r\n", "\r\nmex-workflowid: VACCINATIONS_1\r\n",
			"\r\nmex-messagetype: DATA\r\n", "\r\nmex-messageid: " + id + "\r\n", "\r\nmex-localid: " + m.LocalID + "\r\n",
			"\r\nmex-partnerid: " + m.PartnerID + "\r\n", "\r\nmex-filename: " + m.FileName + "\r\n", "\r\nmex-statusevent: TRANSFER\r\n",
			"\r\nmex-statussuccess: SUCCESS\r\n", "\r\nmex-statuscode: 00\r\n", "\r\nmex-statustimestamp: 20260520120000\r\n",
			"\r\nmex-total-chunks: 1\r\n", "\r\nmex-chunk-range: 1:1\r\n", "\r\n\r\n<Bundle/>",
		} {
			if !strings.Contains(raw, line) {
				t.Errorf("%s: no %q in\n%s", accept, line, raw)
			}
		}
	}
	if tracked, err := fx.client("BOB").Track(ctx, id); !isStatus(err, 404) {
		t.Errorf("the recipient tracks it: %+v, %v", tracked, err)
	}
}

// raw sends bytes over a connection and returns all that comes back.
func (fx *fixture) raw(text string) string {
	fx.t.Helper()
	conn, err := net.Dial("tcp", fx.http.Listener.Addr().String())
	if err != nil {
		fx.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		fx.t.Fatal(err)
	}
	all, err := io.ReadAll(bufio.NewReader(conn))
	if err != nil {
		fx.t.Fatal(err)
	}
	return string(all)
}

// A message sent compressed or not reaches a client in a form that it can read.
func TestContentEncodings(t *testing.T) {
	fx := newFixture(t)
	text := strings.Repeat("some text ", 100)
	for _, sent := range []string{"", "gzip"} {
		body := text
		if sent == "gzip" {
			body = packed(text)
		}
		_, answer := fx.do(request{"POST", "ALICE/outbox", to("BOB", "Content-Encoding", sent), body})
		id := strings.Split(answer, `"`)[3]
		for _, c := range []struct{ accept, media, want string }{
			{"", mesh.MediaV1, ""}, {"", mesh.MediaV2, ""}, {"gzip, deflate", mesh.MediaV2, "gzip"}, {"GZIP", mesh.MediaV1, sent},
		} {
			got, content := fx.do(request{"GET", "BOB/inbox/" + id, map[string]string{
				"Authorization": fx.token("BOB"), "Accept-Encoding": c.accept, "Accept": c.media}, ""})
			if got.Header.Get("Content-Encoding") != c.want {
				t.Errorf("sent %q, accepts %q: encoded %q", sent, c.accept, got.Header.Get("Content-Encoding"))
			}
			if c.want == "gzip" {
				z, err := gzip.NewReader(strings.NewReader(content))
				if err != nil {
					t.Fatal(err)
				}
				plain, err := io.ReadAll(z)
				if err != nil {
					t.Fatal(err)
				}
				content = string(plain)
			}
			if content != text {
				t.Errorf("sent %q, accepts %q: %q", sent, c.accept, content)
			}
			if flag := got.Header.Get("Mex-Content-Compressed"); (flag == "Y") != (sent == "gzip") {
				t.Errorf("sent %q, accepts %q: mex-content-compressed %q", sent, c.accept, flag)
			}
		}
	}
}

// meteredBoxes measures the chunks that it stores.
type meteredBoxes struct {
	*failingBoxes
	size int64
	peak uint64 // the largest heap while storing
	err  error
}

func (b *meteredBoxes) PutChunk(ctx context.Context, mailbox int64, position store.EventID, n int, r io.Reader) (int64, error) {
	size, err := b.failingBoxes.PutChunk(ctx, mailbox, position, n, io.TeeReader(r, b))
	b.size, b.err = size, err
	return size, err
}

// Write looks at the heap every 8 MB.
func (b *meteredBoxes) Write(p []byte) (int, error) {
	before := b.size / (8 << 20)
	if b.size += int64(len(p)); b.size/(8<<20) != before {
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		b.peak = max(b.peak, memory.HeapAlloc)
	}
	return len(p), nil
}

// zeros are n zero bytes.
func zeros(n int64) io.Reader { return io.LimitReader(zeroReader{}, n) }

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// 100 MB pass through without being held in memory. One byte more is refused,
// whether the length was announced or not.
func TestLargestMessage(t *testing.T) {
	for name, c := range map[string]struct {
		size   int64
		told   bool
		status int
	}{
		"100 MB":                {mesh.MaxChunk, true, 202},
		"100 MB, not told":      {mesh.MaxChunk, false, 202},
		"a byte more":           {mesh.MaxChunk + 1, true, 413},
		"a byte more, not told": {mesh.MaxChunk + 1, false, 413},
	} {
		t.Run(name, func(t *testing.T) {
			boxes := &meteredBoxes{failingBoxes: newBoxes(t, time.Now)}
			fx := fixtureOver(t, boxes, &clock{at: testStart})
			status, _ := fx.stream(zeros(c.size), c.size, c.told, "")
			if status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			if c.status == 202 && boxes.size != c.size {
				t.Errorf("%d bytes arrived of %d", boxes.size, c.size)
			}
			if boxes.peak > 64<<20 {
				t.Errorf("%d MB of heap while it passed", boxes.peak>>20)
			}
			if messages, _ := boxes.stored(t); messages != map[bool]int{true: 1}[c.status == 202] {
				t.Errorf("%d messages", messages)
			}
		})
	}
}

// A gzip bomb is refused soon after the size that an uncompressed message could
// have, whether it is held in memory or streamed.
func TestGzipBomb(t *testing.T) {
	var megabyte bytes.Buffer
	z := gzip.NewWriter(&megabyte)
	if _, err := io.Copy(z, zeros(1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for members, status := range map[int]int{1: 202, 100: 417, 400: 417} {
		boxes := &meteredBoxes{failingBoxes: newBoxes(t, time.Now)}
		fx := fixtureOver(t, boxes, &clock{at: testStart}, func(c *mailbox.Config) { c.MaxChunk = 2 << 20 })
		bomb := bytes.Repeat(megabyte.Bytes(), members) // gzip members may follow each other
		got, body := fx.stream(bytes.NewReader(bomb), int64(len(bomb)), true, "gzip")
		if got != status || (status == 417) != strings.Contains(body, `"code":"02"`) {
			t.Errorf("%d MB in %d bytes: %d %s", members, len(bomb), got, body)
		}
		if stored, _ := boxes.stored(t); (stored == 1) != (status == 202) {
			t.Errorf("%d MB in %d bytes: %d messages", members, len(bomb), stored)
		}
		if streamed := len(bomb) > 256<<10; streamed != (boxes.err != nil) {
			t.Errorf("%d MB in %d bytes: streamed with %v", members, len(bomb), boxes.err)
		}
	}
}

// A client that sends its whole body before it reads still gets the answer.
func TestRefusalOfALargeBodyArrives(t *testing.T) {
	fx := newFixture(t)
	for range 10 {
		answer, body := fx.do(request{"POST", "ALICE/outbox", to("NOBODY"), strings.Repeat("x", 8<<20)})
		if answer.StatusCode != 417 || !strings.Contains(body, `"code":"12"`) {
			t.Fatal(answer.Status, body)
		}
	}
}

// stream sends a body from ALICE to BOB.
func (fx *fixture) stream(body io.Reader, size int64, told bool, encoding string) (int, string) {
	fx.t.Helper()
	r, err := http.NewRequest("POST", fx.http.URL+"/messageexchange/ALICE/outbox", io.NopCloser(body))
	if err != nil {
		fx.t.Fatal(err)
	}
	if r.ContentLength = -1; told {
		r.ContentLength = size
	}
	// The client waits for permission before it sends so much.
	r.Header = http.Header{
		"Authorization": {fx.token("ALICE")}, "Mex-To": {"BOB"}, "Mex-Workflowid": {"W"}, "Expect": {"100-continue"}, "Accept": {mesh.MediaV2},
	}
	if encoding != "" {
		r.Header.Set("Content-Encoding", encoding)
	}
	answer, err := (&http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: 10 * time.Second}).RoundTrip(r)
	if err != nil {
		fx.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		fx.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// secure serves the same over TLS and HTTP/2.
func (fx *fixture) secure() *httptest.Server {
	s := httptest.NewUnstartedServer(fx.server)
	s.EnableHTTP2 = true
	s.StartTLS()
	fx.t.Cleanup(s.Close)
	return s
}

// Over TLS a client may choose HTTP/2; the headers arrive there too.
func TestHTTP2(t *testing.T) {
	fx := newFixture(t)
	id := fx.send("ALICE", "BOB", "W", "x")
	secure := fx.secure()
	transport, ok := secure.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatal("the test server's client has no transport")
	}
	bob := fx.client("BOB", func(c *mesh.ClientConfig) { c.URL, c.TLS = secure.URL, transport.TLSClientConfig })
	h, body := read(t, bob, id)
	if string(body) != "x" || h.From != "ALICE" || h.MessageID != id || h.StatusEvent != "TRANSFER" {
		t.Errorf("%+v %q", h, body)
	}
}
