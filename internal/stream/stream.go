// Package stream lets subscribers read the events of a subscription that has an
// endpoint of the channel "stream": as server-sent events ($stream), or page by page
// ($pull) with acknowledgement ($ack). Nothing is sent to such an endpoint. Its lane
// has the subscriptions count their events; whoever reads, reads what was counted, on
// any node, from any number that is kept.
//
// Sources: WHATWG HTML, section 9.2 (server-sent events); cloudevents/spec (2026-07),
// formats/json-format.md.
package stream

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"nems/internal/access"
	"nems/internal/broker"
	"nems/internal/lane"
	"nems/internal/nhs"
	"nems/internal/refuse"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Broker is what a reader reads. Safe for concurrent use.
type Broker interface {
	// Status tells how far a subscription of the caller's organisation has counted.
	Status(ctx context.Context, caller access.Caller, id string) (broker.Counted, error)
	// MayRead refuses to let a subscription be read that was permitted when its reader
	// came, or never.
	MayRead(s subscription.Subscription) error
	// Released lists up to max events that a subscription has counted, with numbers from
	// one to another, both included, as they may be shown today.
	Released(ctx context.Context, id subscription.ID, from, to uint64, max int) ([]broker.NumberedEvent, error)
}

// Store keeps endpoints, and how far readers have come. Safe for concurrent use.
type Store interface {
	Advances
	// Mailbox is broker.Mailboxes', Endpoint webhook.Endpoints'.
	Mailbox(ctx context.Context, id string) (store.Mailbox, error)
	Endpoint(ctx context.Context, row int64) (store.Endpoint, error)
	// Cursor returns how far readers have taken the events of a subscription; the zero
	// value if they have taken none.
	Cursor(ctx context.Context, id subscription.ID) (store.Cursor, error)
	// TakeEvents moves the cursor forward to a number, over at most max events, and
	// returns where it stands then. It never goes back. The copies that it passes and
	// that were Sent become Acknowledged. All that is on disk when it returns.
	TakeEvents(ctx context.Context, id subscription.ID, to store.Cursor, max int) (store.Cursor, error)
}

// Config is what a Service needs. All is required.
type Config struct {
	Broker Broker
	Store  Store
	Now    func() time.Time
	Log    *slog.Logger
	// Admitted reports whether a caller may still come in, who came in earlier with the
	// request of a context.
	Admitted func(context.Context, access.Caller) bool
	// Most is how many readers may be there at a time, Share how many of one
	// organisation.
	Most, Share int
}

const (
	// heartbeat is how often a stream without events says that it is there: proxies
	// close connections on which nothing moves.
	heartbeat = 15 * time.Second
	// mostBeats is how long a stream lasts without reconnecting: a caller shows a token
	// once an hour.
	mostBeats = int(time.Hour / heartbeat)
	// writeWithin is how long a reader may take to make room for a part of a page.
	writeWithin = 5 * time.Second
	// page is how many events are in memory for one reader, and places how many readers
	// read the database at a time.
	page   = 8
	places = 32
	// pageBytes is about how long a page of a stream is at most, in bytes, and roomBytes
	// how much of what was read may wait in all for readers that take it slowly.
	pageBytes = 64 << 10
	roomBytes = 64 << 20
	// takeStep is how many events a transaction acknowledges, takeSteps how many
	// transactions one request starts.
	takeStep, takeSteps = 500, 100
)

// Service serves readers. Safe for concurrent use.
type Service struct {
	Config
	watch  *watch
	ending chan struct{} // closed when the service is about to end
	places chan struct{} // one element for each reader that reads the database
	room   *room         // for what was read and is not written yet
	// detached are the streams whose connections are the service's own.
	detached sync.WaitGroup
	streams  atomic.Uint64 // how many were opened

	mu      sync.Mutex
	readers int
	of      map[nhs.ODSCode]int // of an organisation
}

// New returns a Service. It starts nothing.
func New(c Config) *Service {
	return &Service{
		Config: c, watch: newWatch(c.Store), ending: make(chan struct{}), places: make(chan struct{}, places), room: newRoom(roomBytes),
		of: map[nhs.ODSCode]int{},
	}
}

// Run wakes readers until ctx ends. Then it tells them to come back, to another node, and
// returns when the streams have ended.
func (s *Service) Run(ctx context.Context) {
	defer s.detached.Wait()
	defer close(s.ending)
	s.watch.run(ctx, func(err error) { s.Log.Warn("looking for events for streams", "error", err) })
}

// Readers returns how many readers there are.
func (s *Service) Readers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readers
}

// enter counts a reader, or refuses it. leave must follow.
func (s *Service) enter(ods nhs.ODSCode) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.of[ods] >= s.Share:
		return refuse.TooManyRequests(busyPause)
	case s.readers >= s.Most:
		return refuse.Unavailable(busyPause)
	}
	s.readers++
	s.of[ods]++
	return nil
}

// busyPause is when to try again where there are too many readers.
const busyPause = 10 * time.Second

func (s *Service) leave(ods nhs.ODSCode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers--
	if s.of[ods]--; s.of[ods] == 0 {
		delete(s.of, ods)
	}
}

// recover ends one reader's request for a panic. Its text may hold a part of a
// message, so only its place is logged.
func (s *Service) recover(ctx context.Context) {
	if p := recover(); p != nil {
		s.Log.ErrorContext(ctx, "panic", "action", "stream", "stack", string(debug.Stack()))
	}
}

// Sender is the lane.Sender of the channel: there is nobody to send to. A copy that
// was counted lies ready.
type Sender struct{}

// Open is lane.Sender's.
func (Sender) Open(slots int) int { return slots }

// Send is lane.Sender's.
func (Sender) Send(_ context.Context, _ store.Lane, d store.Delivery, _ store.Event) (store.Delivery, error) {
	d.State = store.Sent
	return d, nil
}

// Pause is lane.Sender's.
func (Sender) Pause(store.Lane, error) time.Duration { return time.Second }

var _ lane.Sender = Sender{}

// endpoint finds the endpoint of a subscription, or refuses one that has another channel.
func (s *Service) endpoint(ctx context.Context, of subscription.Subscription) (e Endpoint, err error) {
	box, err := s.Store.Mailbox(ctx, of.Mailbox)
	if err != nil {
		return e, err
	}
	row, err := s.Store.Endpoint(ctx, box.Row)
	if errors.Is(err, store.ErrNotFound) || err == nil && row.Channel != store.StreamChannel {
		return e, refuse.BadRequest("the events of this subscription go to another channel: expected an endpoint of the channel stream as Subscription.channel.endpoint")
	}
	if err != nil {
		return e, err
	}
	if e, err = Read(row); err == nil && e.Off {
		err = refuse.AccessDenied("the endpoint is switched off")
	}
	return e, err
}
