//go:build linux

package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nems/internal/operator"
)

// echo starts a server that sends back what it receives.
func echo(t *testing.T) (address string) {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	go func() {
		for {
			c, err := socket.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	return socket.Addr().String()
}

// dialPipe returns a pipe and a connection through it that has been used.
func dialPipe(t *testing.T) (*pipe, net.Conn) {
	t.Helper()
	p, err := newPipe(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	send(t, c, "hello")
	return p, c
}

// send sends a text, waits until it has come back and returns how long that took.
func send(t *testing.T, c net.Conn, text string) time.Duration {
	t.Helper()
	began := time.Now()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		t.Fatalf("sent %q; received %q, %v", text, got, err)
	}
	return time.Since(began)
}

func TestPipeWeather(t *testing.T) {
	p, c := dialPipe(t)
	p.impairment.Store(&impairment{latency: 100 * time.Millisecond})
	if took := send(t, c, "late"); took < 200*time.Millisecond {
		t.Errorf("a latency of 100 ms each way took %s", took)
	}
	p.impairment.Store(&impairment{rate: 1000})
	if took := send(t, c, strings.Repeat("x", 300)); took < 250*time.Millisecond {
		t.Errorf("300 bytes at 1000 a second took %s", took)
	}
	p.impairment.Store(&impairment{stalled: true})
	time.AfterFunc(200*time.Millisecond, func() { p.impairment.Store(&impairment{}) })
	if took := send(t, c, "kept back"); took < 150*time.Millisecond {
		t.Errorf("what was kept back for 200 ms came after %s", took)
	}
}

// TestPipeHalves checks that a half-open connection carries nothing any more, neither bytes nor its
// end.
func TestPipeHalves(t *testing.T) {
	p, c := dialPipe(t)
	p.halve()
	if _, err := c.Write([]byte("into nothing")); err != nil {
		t.Errorf("the sender must not notice: %v", err)
	}
	if err := c.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("expected silence; received %v", err)
	}
	other, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	send(t, other, "a new connection is well")
}

// TestClockIsShared checks that the clock of one process is what another process has set.
func TestClockIsShared(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	ours, err := openClock(data)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := openClock(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range []time.Duration{48 * time.Hour, -48 * time.Hour, 0} {
		ours.set(off)
		if got := time.Until(theirs.now()); got < off-time.Minute || got > off+time.Minute {
			t.Errorf("set to %s; read as %s", off, got)
		}
		if passed := theirs.steady(time.Now()); passed > time.Minute {
			t.Errorf("set to %s; as much time seems to have passed as %s", off, passed)
		}
	}
	ours.pass(time.Hour)
	if now, passed := time.Until(theirs.now()), theirs.steady(time.Now()); now < 59*time.Minute || passed < time.Hour {
		t.Errorf("an hour passed; the clock shows %s, and %s have passed", now, passed)
	}
}

// TestPickyCounts checks that a picky MESH refuses copies for the ill mailboxes until they are
// well, and that it counts correctly.
func TestPickyCounts(t *testing.T) {
	mesh := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusAccepted) }))
	t.Cleanup(mesh.Close)
	p, err := newPicky(mesh.URL, []string{"ILL"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.server.Close)
	post := func(box, id string) int {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, p.server.URL+"/messageexchange/X/outbox", bytes.NewReader(nil))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Mex-To", box)
		r.Header.Set("Mex-LocalID", id)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	for range 3 {
		if got := post("ILL", "a"); got != http.StatusInternalServerError {
			t.Errorf("who is ill gets %d", got)
		}
	}
	if got := post("NONE", "b"); got != http.StatusAccepted {
		t.Errorf("others get %d", got)
	}
	c := clocks{}
	if c.here, err = openClock(filepath.Join(t.TempDir(), "data")); err != nil {
		t.Fatal(err)
	}
	parked := []operator.Delivery{{ID: "a", Mailbox: "ILL", Attempts: 3}, {ID: "b", Mailbox: "NONE", Attempts: 1}}
	if note, err := p.judge(parked, c); err != nil || !strings.HasPrefix(note, "1 refused for good, one attempt each; 1 failing for now, 3 to 3 attempts") {
		t.Errorf("%s, %v", note, err)
	}
	post("NONE", "b")
	parked[1].Attempts = 2
	if _, err := p.judge(parked, c); err == nil {
		t.Error("a second attempt of what is refused for good is taken")
	}
	p.well.Store(true)
	if got := post("ILL", "a"); got != http.StatusAccepted {
		t.Errorf("who is well gets %d", got)
	}
}
