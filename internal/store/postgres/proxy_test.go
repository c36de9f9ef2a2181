package postgres_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// where a proxy cuts a connection.
type cut int

const (
	nowhere      cut = iota
	beforeCommit     // COMMIT never reaches the server
	afterCommit      // the server commits, its answer is lost
)

// proxy stands between a store and its server, and cuts the one connection
// whose transaction carried a marker when that transaction commits.
type proxy struct {
	target string

	mu     sync.Mutex
	where  cut
	marker []byte
	cuts   int
}

// through returns the proxy, and the DSN that leads through it.
func through(t *testing.T, dsn string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{target: u.Host}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait() // the stores, closed before, have ended their connections
	})
	u.Host = l.Addr().String()
	return p, u.String()
}

func (p *proxy) arm(where cut, marker []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.where, p.marker, p.cuts = where, marker, 0
}

// hits is how many connections were cut since it was armed.
func (p *proxy) hits() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	l := &link{proxy: p, commits: map[string]bool{}}
	var back sync.WaitGroup
	back.Go(func() {
		defer client.Close()
		defer server.Close()
		_ = relay(server, client, l.answers)
	})
	if start, err := frame(client, 0); err == nil { // the start-up message has no type
		if _, err = server.Write(start); err == nil {
			_ = relay(client, server, l.asks)
		}
	}
	_ = server.Close()
	back.Wait()
}

// link is one connection's state.
type link struct {
	proxy   *proxy
	mu      sync.Mutex
	marked  bool
	commits map[string]bool // prepared statements that commit, by name
}

var errCut = errors.New("cut")

// asks looks at a message of the client.
func (l *link) asks(m []byte) error {
	p := l.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	commits := l.commit(m)
	if p.where == nowhere {
		return nil
	}
	l.marked = l.marked || bytes.Contains(m, p.marker)
	if p.where == beforeCommit && l.marked && commits {
		p.where, l.marked = nowhere, false
		p.cuts++
		return errCut
	}
	return nil
}

// commit tells whether a message makes the server commit: a Query, or the Bind
// of a statement that was prepared, now or long ago.
func (l *link) commit(m []byte) bool {
	first, rest, _ := bytes.Cut(m[5:], []byte{0})
	second, _, _ := bytes.Cut(rest, []byte{0})
	switch m[0] {
	case 'Q':
		return bytes.Contains(bytes.ToLower(first), []byte("commit"))
	case 'P': // name, statement
		l.commits[string(first)] = bytes.HasPrefix(bytes.ToLower(bytes.TrimSpace(second)), []byte("commit"))
	case 'B': // portal, name
		return l.commits[string(second)]
	}
	return false
}

// answers looks at a message of the server.
func (l *link) answers(m []byte) error {
	p := l.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	// CommandComplete's tag tells of a commit however it was asked for.
	if p.where == afterCommit && l.marked && m[0] == 'C' && bytes.HasPrefix(m[5:], []byte("COMMIT")) {
		p.where, l.marked = nowhere, false
		p.cuts++
		return errCut
	}
	return nil
}

// relay passes messages on until look returns an error or a side closes.
func relay(from io.Reader, to io.Writer, look func([]byte) error) error {
	for {
		m, err := frame(from, 1)
		if err != nil {
			return err
		}
		if err := look(m); err != nil {
			return err
		}
		if _, err := to.Write(m); err != nil {
			return err
		}
	}
}

// frame reads one message: a type of so many bytes, a length, the rest.
func frame(r io.Reader, kind int) ([]byte, error) {
	head := make([]byte, kind+4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(head[kind:]))
	if n < 4 || n > 64<<20 {
		return nil, fmt.Errorf("a message of %d bytes", n)
	}
	m := append(head, make([]byte, n-4)...)
	_, err := io.ReadFull(r, m[kind+4:])
	return m, err
}
