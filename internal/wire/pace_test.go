package wire_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nems/internal/wire"
)

var pace = wire.Pace{Silence: 30 * time.Second, Rate: 16 << 10}

// pipes is a listener with one connection in memory, whose deadlines follow the
// clock of a synctest bubble.
type pipes struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conn:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { close(p.closed); return nil }
func (*pipes) Addr() net.Addr { return &net.TCPAddr{} }

// exchange runs a client against a handler, on a clock that advances when all
// goroutines wait.
func exchange(t *testing.T, handle http.HandlerFunc, client func(net.Conn)) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		p := &pipes{make(chan net.Conn), make(chan struct{})}
		server := http.Server{Handler: handle}
		go func() { _ = server.Serve(p) }()
		ours, theirs := net.Pipe()
		p.conn <- theirs
		client(ours)
		_ = ours.Close()
		_ = server.Close()
	})
}

// A client that takes a piece regularly gets everything, however long that
// takes. One that falls silent, or stays below the rate, is cut off.
func TestAnswerIsTakenAtAPace(t *testing.T) {
	const size = 4 << 20
	for _, c := range []struct {
		name  string
		take  int
		pause time.Duration
		whole bool
	}{
		{"slow and steady", 64 << 10, 3 * time.Second, true},
		{"below the rate", 8 << 10, 2 * time.Second, false},
		{"silent", 64 << 10, 31 * time.Second, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var wrote error
			handle := func(w http.ResponseWriter, _ *http.Request) {
				_, wrote = wire.NewResponse(w, pace).Write(make([]byte, size))
			}
			exchange(t, handle, func(conn net.Conn) {
				_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
				took, err := 0, error(nil)
				for buffer := make([]byte, c.take); err == nil && took < size; time.Sleep(c.pause) {
					var n int
					n, err = io.ReadFull(conn, buffer)
					took += n
				}
				if c.whole != (err == nil) {
					t.Errorf("after %d bytes: %v", took, err)
				}
			})
			if c.whole == errors.Is(wrote, os.ErrDeadlineExceeded) {
				t.Errorf("the server: %v", wrote)
			}
		})
	}
}

// The same applies to bodies. A client that has sent its whole body may then
// wait as long as the answer takes.
func TestBodyComesAtAPace(t *testing.T) {
	const size = 1 << 20
	for _, c := range []struct {
		name  string
		give  int
		pause time.Duration
		whole bool
	}{
		{"slow and steady", 64 << 10, 3 * time.Second, true},
		{"below the rate", 8 << 10, 2 * time.Second, false},
		{"silent", 64 << 10, 31 * time.Second, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var read, ended error
			var whole bool
			handle := func(w http.ResponseWriter, r *http.Request) {
				body := wire.NewBody(w, r, pace)
				_, read = io.Copy(io.Discard, body)
				if whole = body.Whole; !whole {
					panic(http.ErrAbortHandler)
				}
				time.Sleep(time.Hour)
				ended = r.Context().Err()
			}
			exchange(t, handle, func(conn net.Conn) {
				_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1048576\r\n\r\n")
				for gave := 0; err == nil && gave < size; gave += c.give {
					time.Sleep(c.pause)
					_, err = io.WriteString(conn, strings.Repeat("x", c.give))
				}
				_, _ = io.ReadAll(conn)
			})
			if whole != c.whole || c.whole == errors.Is(read, os.ErrDeadlineExceeded) || ended != nil {
				t.Errorf("whole: %v, %v; the request ended: %v", whole, read, ended)
			}
		})
	}
}
