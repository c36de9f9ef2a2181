package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"nems/internal/store"
)

// remoteMESH accepts what a courier sends and records how long it took. It turns
// away what is sent to the dead mailbox.
type remoteMESH struct {
	dead   string
	server http.Server
	url    string

	mu       sync.Mutex
	arrived  []arrival
	refused  int
	messages int
}

// arrival is a copy that the MESH accepted: when its event was accepted, and
// how long after that the copy came.
type arrival struct {
	accepted time.Time
	took     time.Duration
}

// startMESH serves a MESH on a free port.
func startMESH(dead string) (*remoteMESH, error) {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &remoteMESH{dead: dead, url: "http://" + socket.Addr().String()}
	m.server.Handler = m
	go func() { _ = m.server.Serve(socket) }()
	return m, nil
}

func (m *remoteMESH) stop() { _ = m.server.Shutdown(context.Background()) }

// ServeHTTP answers the calls of MESH's API that a courier makes.
func (m *remoteMESH) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/outbox"):
		m.accept(w, r)
	case strings.HasSuffix(r.URL.Path, "/inbox"):
		_, _ = io.WriteString(w, `{"messages": []}`)
	default: // tracking: it never had what it turned away
		w.WriteHeader(http.StatusNotFound)
	}
}

func (m *remoteMESH) accept(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	a := arrival{accepted: accepted(r.Header.Get("Mex-FileName"))}
	a.took = time.Since(a.accepted)
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Header.Get("Mex-To") == m.dead {
		m.refused++
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	m.messages++
	m.arrived = append(m.arrived, a)
	w.WriteHeader(http.StatusAccepted)
	_, _ = fmt.Fprintf(w, `{"message_id": "%d"}`, m.messages)
}

// accepted returns the moment at which an event got its position, which is in
// the file name of its copies.
func accepted(fileName string) time.Time {
	_, id, _ := strings.Cut(strings.TrimSuffix(fileName, ".xml"), "_")
	n, _ := strconv.ParseInt(id, 10, 64)
	return new(store.Moments).Of(store.EventID(n))
}

// arrivals returns what arrived since the last call, when it is at least n.
func (m *remoteMESH) arrivals(n int, within time.Duration) ([]arrival, error) {
	tick, until := time.NewTicker(10*time.Millisecond), time.Now().Add(within)
	defer tick.Stop()
	for {
		m.mu.Lock()
		all := m.arrived
		if len(all) >= n {
			m.arrived = nil
			m.mu.Unlock()
			return all, nil
		}
		m.mu.Unlock()
		if <-tick.C; time.Now().After(until) {
			return nil, fmt.Errorf("%d of %d copies arrived within %s", len(all), n, within)
		}
	}
}

func (m *remoteMESH) turnedAway() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.refused
}
