//go:build linux

package main

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// impairment is how bad a pipe is. Its zero value passes everything on.
type impairment struct {
	latency time.Duration // in each direction
	rate    int           // bytes a second for each connection and direction; 0: no limit
	// stalled holds all bytes back until it is over, as TCP does on a network
	// that is down.
	stalled bool
}

// pipe is the connection to the MESH at the level of TCP. It is safe for concurrent use.
type pipe struct {
	url, to    string
	socket     net.Listener
	impairment atomic.Pointer[impairment]
	closed     chan struct{}

	mu    sync.Mutex
	pairs []*pair
}

// pair is a connection from here and the one that continues it.
type pair struct {
	near, far net.Conn
	// dead: what is sent disappears, and neither end is told that the other is gone.
	dead atomic.Bool
}

func newPipe(to string) (*pipe, error) {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &pipe{url: "http://" + socket.Addr().String(), to: to, socket: socket, closed: make(chan struct{})}
	p.impairment.Store(&impairment{})
	go p.accept()
	return p, nil
}

func (p *pipe) accept() {
	for {
		near, err := p.socket.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", p.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		c := &pair{near: near, far: far}
		p.mu.Lock()
		p.pairs = append(p.pairs, c)
		p.mu.Unlock()
		go p.carry(c, near, far)
		go p.carry(c, far, near)
	}
}

// close ends all connections.
func (p *pipe) close() {
	close(p.closed)
	_ = p.socket.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.pairs {
		_, _ = c.near.Close(), c.far.Close()
	}
}

// halve makes every present connection half-open.
func (p *pipe) halve() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.pairs {
		c.dead.Store(true)
	}
}

// parcel is bytes on their way.
type parcel struct {
	bytes []byte
	due   time.Time
}

// carry carries bytes in one direction until an end closes.
func (p *pipe) carry(c *pair, from, to net.Conn) {
	// As much as a TCP window holds; then the sender has to wait.
	way := make(chan parcel, 64)
	go p.deliver(c, to, way)
	defer close(way)
	for {
		buffer := make([]byte, 4<<10)
		n, err := from.Read(buffer)
		if n > 0 {
			way <- parcel{buffer[:n], time.Now().Add(p.impairment.Load().latency)}
		}
		if err != nil {
			_ = from.Close()
			return
		}
	}
}

// deliver passes on what is on its way, and its end.
func (p *pipe) deliver(c *pair, to net.Conn, way <-chan parcel) {
	for next := range way {
		if !p.sleep(time.Until(next.due)) || !p.hand(c, to, next.bytes) {
			_ = to.Close()
			for range way { // until its reader has noticed
			}
			return
		}
	}
	if !c.dead.Load() {
		_ = to.Close()
	}
}

// hand writes bytes as fast as the impairment allows.
func (p *pipe) hand(c *pair, to net.Conn, bytes []byte) bool {
	const beat = 50 * time.Millisecond
	for len(bytes) > 0 {
		w, n := p.impairment.Load(), len(bytes)
		switch {
		case c.dead.Load():
			return true
		case w.stalled:
			n = 0
		case w.rate > 0:
			n = min(n, max(1, w.rate*int(beat)/int(time.Second)))
		}
		if _, err := to.Write(bytes[:n]); err != nil {
			return false
		}
		if bytes = bytes[n:]; (w.stalled || w.rate > 0) && !p.sleep(beat) {
			return false
		}
	}
	return true
}

// sleep waits, and reports whether the pipe still exists.
func (p *pipe) sleep(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.closed:
		return false
	}
}
