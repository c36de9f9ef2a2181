package node

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"nems/internal/mtls"
)

// turnedAway logs who is turned away and why: the first time at once, and
// repetitions at intervals as one line with their count. So nobody can fill the
// log, or hide among others. It is safe for concurrent use.
type turnedAway struct {
	log *slog.Logger

	mu     sync.Mutex
	untold map[refusal]int // how often, since the last line
}

// refusal is the key by which refusals are counted. Its fields come from closed
// sets, except the peer and the certificate.
type refusal struct {
	what        string // the message of the line
	listener    string
	peer        string // an address without its port
	certificate string // its name
	mailbox     string
	reason      string
}

const (
	awayMost  = 100 // distinguished at a time; the peers of others are not named
	awayEvery = 10 * time.Second
)

func newTurnedAway(log *slog.Logger) *turnedAway {
	return &turnedAway{log: log, untold: map[refusal]int{}}
}

// note counts one refusal. The additional attributes are logged with the first.
func (f *turnedAway) note(r refusal, further ...slog.Attr) {
	f.mu.Lock()
	_, known := f.untold[r]
	if !known && len(f.untold) >= awayMost {
		r, further = refusal{what: r.what, listener: r.listener, peer: "others", reason: r.reason}, nil
		_, known = f.untold[r]
	}
	if known {
		f.untold[r]++
	} else {
		f.untold[r] = 0
	}
	f.mu.Unlock()
	if !known {
		f.line(r, 1, further)
	}
}

// follow logs what has been counted until the context ends.
func (f *turnedAway) follow(ctx context.Context) error {
	ticker := time.NewTicker(awayEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			f.tell()
			return nil
		case <-ticker.C:
			f.tell()
		}
	}
}

// tell logs what has been counted since the last call, and forgets those without
// a refusal since.
func (f *turnedAway) tell() {
	f.mu.Lock()
	told := f.untold
	f.untold = make(map[refusal]int, len(told))
	for r, n := range told {
		if n > 0 {
			f.untold[r] = 0
		}
	}
	f.mu.Unlock()
	for r, n := range told {
		if n > 0 {
			f.line(r, n, nil)
		}
	}
}

func (f *turnedAway) line(r refusal, count int, further []slog.Attr) {
	attrs := []slog.Attr{slog.String("listener", r.listener), slog.String("peer", r.peer), slog.String("reason", r.reason), slog.Int("count", count)}
	if r.certificate != "" {
		attrs = append(attrs, slog.String("certificate", r.certificate))
	}
	if r.mailbox != "" {
		attrs = append(attrs, slog.String("mailbox", r.mailbox))
	}
	f.log.LogAttrs(context.Background(), slog.LevelWarn, r.what, append(attrs, further...)...)
}

// tlsPeer counts a peer that TLS has refused.
func (f *turnedAway) tlsPeer(r mtls.Refused) {
	f.note(refusal{what: "a TLS peer was refused", listener: r.Listener, peer: host(r.Peer), reason: r.Reason}, slog.String("detail", r.Detail))
}

// host returns an address without its port, because each connection has another port.
func host(address string) string {
	if h, _, err := net.SplitHostPort(address); err == nil {
		return h
	}
	return address
}
