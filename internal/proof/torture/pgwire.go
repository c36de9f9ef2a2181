//go:build linux

package main

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// wire is the connection of a node to its database, byte by byte. It can be bad.
type wire struct {
	to             string
	socket         net.Listener
	wireImpairment atomic.Pointer[wireImpairment] // nil: passes everything on

	mu    sync.Mutex
	calls map[*call]bool
}

// wireImpairment is how bad a wire is. All the fields that are set apply.
type wireImpairment struct {
	cut    bool                 // connections end, and no new ones begin
	vanish bool                 // bytes disappear, and no connection ends
	late   func() time.Duration // delay of each read
	rate   int                  // bytes a second, for each connection and direction
}

// call is one connection through the wire.
type call struct {
	node, server net.Conn
	vanished     atomic.Bool // it stays so after the wire is healed, as after a firewall has forgotten it
}

func (c *call) close() {
	_ = c.node.Close()
	_ = c.server.Close()
}

func newWire(to string) (*wire, error) {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &wire{to: to, socket: socket, calls: map[*call]bool{}}
	go func() {
		for {
			conn, err := socket.Accept()
			if err != nil {
				return
			}
			go w.connect(conn)
		}
	}()
	return w, nil
}

func (w *wire) at() string { return w.socket.Addr().String() }

func (w *wire) close() {
	_ = w.socket.Close()
	w.set(&wireImpairment{cut: true})
}

// set makes the wire bad, or heals it with nil.
func (w *wire) set(m *wireImpairment) {
	w.wireImpairment.Store(m)
	if m == nil || !m.cut && !m.vanish {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.calls {
		c.vanished.Store(m.vanish)
		if m.cut {
			c.close()
		}
	}
}

// connect serves one connection until a side ends it.
func (w *wire) connect(node net.Conn) {
	server, err := net.Dial("tcp", w.to)
	if err != nil {
		_ = node.Close()
		return
	}
	c := &call{node: node, server: server}
	defer c.close()
	w.mu.Lock()
	w.calls[c] = true
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.calls, c)
		w.mu.Unlock()
	}()
	if m := w.wireImpairment.Load(); m != nil && m.cut { // checked after it was listed, so that it cannot escape a cut
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		w.pump(c, c.server, c.node)
		c.close()
	})
	w.pump(c, c.node, c.server)
	c.close()
	back.Wait()
}

// pump passes bytes on, as the impairment says.
func (w *wire) pump(c *call, from io.Reader, to io.Writer) {
	some := make([]byte, 32<<10)
	for {
		n, err := from.Read(some)
		if n > 0 && !w.pass(c, to, some[:n]) {
			return
		}
		if err != nil {
			return
		}
	}
}

func (w *wire) pass(c *call, to io.Writer, some []byte) bool {
	m := w.wireImpairment.Load()
	if m != nil && m.vanish {
		c.vanished.Store(true)
	}
	if m != nil && m.late != nil {
		time.Sleep(m.late())
	}
	if m != nil && m.rate > 0 {
		time.Sleep(time.Duration(len(some)) * time.Second / time.Duration(m.rate))
	}
	if c.vanished.Load() {
		return true
	}
	_, err := to.Write(some)
	return err == nil
}

// wireFault returns a round in which one node's wire is bad, or both are.
func wireFault(lasts time.Duration, m wireImpairment) func(*deployment) error {
	return func(dep *deployment) error {
		dep.wait(300 * time.Millisecond)
		bad := dep.base.wires
		if n := int(dep.r.random() % uint64(len(bad)+1)); n < len(bad) {
			bad = bad[n : n+1]
		}
		for _, each := range bad {
			each.set(&m)
		}
		dep.wait(lasts)
		for _, each := range bad {
			each.set(nil)
		}
		dep.healed = time.Now()
		return nil
	}
}

// farAway is the latency of a bad network.
func farAway() time.Duration { return time.Duration(50+rand.IntN(150)) * time.Millisecond } //nolint:gosec // chance, not a secret
