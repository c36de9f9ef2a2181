package node

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"nems/internal/access"
	"nems/internal/lane"
	"nems/internal/mtls"
	"nems/internal/store"
	"nems/internal/stream"
)

// Streams is how many may read events at a time: as a stream, or in requests that wait
// for the next event.
type Streams struct {
	Most  int `name:"most" help:"Streams of events that one node serves at a time, requests that wait for an event included; 0 for 12000."`
	Share int `name:"share" help:"Streams of one organisation among them; 0 for 1000."`
}

const (
	defaultStreams      = 12_000
	defaultStreamsShare = 1000
)

func (s Streams) validate() []error {
	if s.Most < 0 || s.Share < 0 {
		return []error{errors.New("streams-most and streams-share: expected 0 or more")}
	}
	return nil
}

// newStreams makes what serves readers, and the runner that has events counted for them.
func (n *node) newStreams() {
	most, share := n.Streams.Most, n.Streams.Share
	if most == 0 {
		most = defaultStreams
	}
	if share == 0 {
		share = defaultStreamsShare
	}
	n.streams = stream.New(stream.Config{Broker: n.broker, Store: n.db, Now: n.Now, Log: n.Log, Admitted: n.admitted, Most: most, Share: share})
	// The lease is short, because nothing is sent: another node soon counts on for one that died.
	n.streamLanes = lane.New(lane.Config{
		Outbox: lane.OfChannel(n.db, n.db, store.StreamChannel), Numbers: n.db, Sender: stream.Sender{}, Owner: n.owner, Now: n.Now, Log: n.Log, Withheld: n.broker.Flagged, Record: n.db.Record,
		Parallel: 32, Batch: store.MostNumbered, Lease: 15 * time.Second, Poll: 250 * time.Millisecond, Grace: time.Second,
	})
	n.metrics.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "nems_streams", Help: "Readers of subscriptions' events: streams, and requests that wait for an event.",
	}, func() float64 { return float64(n.streams.Readers()) }))
}

// admitted reports whether a caller is still registered for the organisation that it
// acts for, and its certificate still accepted.
func (n *node) admitted(ctx context.Context, c access.Caller) bool {
	system, known, err := n.systems.System(ctx, c.ASID)
	return mtls.Accepted(ctx) && err == nil && known && !system.Revoked && slices.Contains(system.ODSCodes, c.ODS)
}

// carryStreams has events counted, and wakes readers, until ctx ends.
func (n *node) carryStreams(ctx context.Context) error {
	ended := make(chan struct{})
	go func() { n.streams.Run(ctx); close(ended) }()
	n.streamLanes.Run(ctx)
	<-ended
	return nil
}
