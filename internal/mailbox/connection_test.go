package mailbox_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"nems/internal/mailbox"
	"nems/internal/mesh"
	"nems/internal/store"
	"nems/internal/wire"
)

// hurried makes a server cut off slow peers quickly, and reports whom it refused.
func hurried(away chan mailbox.Reason) func(*mailbox.Config) {
	return func(c *mailbox.Config) {
		c.Pace = wire.Pace{Silence: 250 * time.Millisecond, Rate: 1 << 20}
		c.TurnedAway = func(_ *http.Request, _ string, why mailbox.Reason) { away <- why }
	}
}

// dial opens a connection that takes little at a time, and sends the text.
func (fx *fixture) dial(text string) net.Conn {
	fx.t.Helper()
	conn, err := net.Dial("tcp", fx.http.Listener.Addr().String())
	if err != nil {
		fx.t.Fatal(err)
	}
	fx.t.Cleanup(func() { conn.Close() })
	if tcp, ok := conn.(*net.TCPConn); ok {
		if err := tcp.SetReadBuffer(4 << 10); err != nil {
			fx.t.Fatal(err)
		}
	}
	if _, err := io.WriteString(conn, text); err != nil {
		fx.t.Fatal(err)
	}
	return conn
}

// head is the head of a request, but for its last line.
func (fx *fixture) head(method, path, box string) string {
	return fmt.Sprintf("%s /messageexchange/%s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nAccept: %s\r\n", method, path, fx.token(box), mesh.MediaV2)
}

// A client that asks for a large message and reads nothing of it is cut off.
func TestClientThatStopsReadingIsCutOff(t *testing.T) {
	away := make(chan mailbox.Reason, 1)
	fx := newFixture(t, hurried(away))
	body := make([]byte, 32<<20) // beyond what the two kernels take in
	m := store.Message{Position: fx.boxes.NextPosition(), Mailbox: 2, Type: store.Data, Status: store.Waiting, Chunks: 1, Size: int64(len(body))}
	if err := fx.boxes.Send(ctx, m, body, nil); err != nil {
		t.Fatal(err)
	}
	id := mesh.FormatMessageID(int64(m.Position), m.Mailbox)
	fx.dial(fx.head("GET", "BOB/inbox/"+id, "BOB") + "\r\n")
	if why := <-away; why != mailbox.SlowTaker {
		t.Error(why)
	}
	secure := fx.secure()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, secure.URL+"/messageexchange/BOB/inbox/"+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", fx.token("BOB"))
	answer, err := secure.Client().Do(q)
	if err != nil || answer.ProtoMajor != 2 {
		t.Fatal(answer, err)
	}
	defer answer.Body.Close()
	if why := <-away; why != mailbox.SlowTaker {
		t.Error("HTTP/2:", why)
	}
}

// A client that sends a body too slowly gets an error, and the connection ends.
// This applies to a small body held in memory, a streamed one, and one of unknown
// length.
func TestBodyThatDoesNotComeIsRefused(t *testing.T) {
	away := make(chan mailbox.Reason, 1)
	fx := newFixture(t, hurried(away))
	for name, c := range map[string]struct{ framing, part string }{
		"small":    {"Content-Length: 1000", "some of it"},
		"streamed": {"Content-Length: 1000000", strings.Repeat("x", 300<<10)},
		"chunked":  {"Transfer-Encoding: chunked", "9\r\nsome of i"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := fx.dial(fx.head("POST", "ALICE/outbox", "ALICE") + "Mex-To: BOB\r\nMex-WorkflowID: W\r\n" + c.framing + "\r\n\r\n" + c.part)
			raw, err := io.ReadAll(conn)
			if err != nil || !strings.HasPrefix(string(raw), "HTTP/1.1 408 ") || !strings.Contains(string(raw), mesh.TooSlow.Description) {
				t.Errorf("%s, %v", raw, err)
			}
			if why := <-away; why != mailbox.SlowBody {
				t.Error(why)
			}
		})
	}
	if messages, _ := fx.boxes.stored(t); messages != 0 {
		t.Errorf("%d messages", messages)
	}
}

// After a request whose end two programs might see at different places, the
// connection is closed, so that what follows is not read as a request.
func TestConnectionEndsAfterSuspectFraming(t *testing.T) {
	fx := newFixture(t)
	for name, c := range map[string]struct {
		headers, body string
		suspect       bool
	}{
		"length":             {"Content-Length: 5\r\n", "hello", false},
		"chunked":            {"Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n", true},
		"both":               {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n", true},
		"both, other order":  {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "5\r\nhello\r\n0\r\n\r\n", true},
		"folded":             {"Transfer-Encoding:\r\n chunked\r\n", "5\r\nhello\r\n0\r\n\r\n", true},
		"two lengths":        {"Content-Length: 5\r\nContent-Length: 6\r\n", "hello", true},
		"list of lengths":    {"Content-Length: 5, 5\r\n", "hello", true},
		"unknown encoding":   {"Transfer-Encoding: xchunked\r\n", "5\r\nhello\r\n0\r\n\r\n", true},
		"blank before colon": {"Content-Length : 5\r\n", "hello", true},
	} {
		t.Run(name, func(t *testing.T) {
			conn := fx.dial(fx.head("POST", "ALICE/outbox", "ALICE") + "Mex-To: BOB\r\nMex-WorkflowID: W\r\n" + c.headers + "\r\n" + c.body +
				"GET /messageexchange/_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			raw, err := io.ReadAll(bufio.NewReader(conn))
			if pinged := strings.Contains(string(raw), `"outcome"`); pinged == c.suspect {
				t.Errorf("the next request is answered: %v, %v\n%s", pinged, err, raw)
			}
			if c.suspect && !strings.Contains(string(raw), "\r\nConnection: close\r\n") {
				t.Errorf("no word of the connection's end in\n%s", raw)
			}
		})
	}
}
