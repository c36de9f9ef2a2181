// Command bench measures the whole program from outside: it builds nems, serves
// the dev world from new folders, and prints rates, latencies and the servers'
// use of resources. Compare figures only within one run on one machine.
package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// load is the duration and size of a measurement.
type load struct {
	connections  int           // closed-loop publishers
	warmUp, span time.Duration // of publish
	waiting      int           // deliveries of dead-mailbox's backlog
	mailboxes    int           // of wide's event
	candidates   int           // of filters
	deep         int           // messages of deep-inbox's mailbox
	copies       int           // of replay
	stores       string        // of replay
	streams      int           // of streams, that wait
	rounds       int           // of all but publish, on each side
	round        time.Duration // length of one
}

// cases are the available measurements.
var cases = map[string]func(load) error{
	"publish":      measurePublish,
	"nodes":        measureNodes,
	"wide":         measureWide,
	"dead-mailbox": measureDeadMailbox,
	"filters":      measureFilters,
	"deep-inbox":   measureDeepInbox,
	"purge":        measurePurge,
	"records":      measureRecords,
	"start":        measureStart,
	"webhooks":     measureWebhooks,
	"replay":       measureReplay,
	"streams":      measureStreams,
}

func main() {
	var l load
	names := strings.Join(slices.Sorted(maps.Keys(cases)), " or ")
	name := flag.String("case", "publish", "what to measure: "+names)
	flag.IntVar(&l.connections, "connections", 16, "closed-loop publishers")
	flag.DurationVar(&l.warmUp, "warm-up", 2*time.Second, "publish: time before anything is counted")
	flag.DurationVar(&l.span, "span", 8*time.Second, "publish: time that is counted")
	flag.IntVar(&l.waiting, "waiting", 100_000, "dead-mailbox: deliveries that wait for it; 0 shows how far two servers differ by chance")
	flag.IntVar(&l.mailboxes, "mailboxes", 10_000, "wide: mailboxes that the event goes to")
	flag.IntVar(&l.candidates, "candidates", 100_000, "filters: subscriptions that a filter drops, compared with a thousand")
	flag.IntVar(&l.deep, "deep", 300_000, "deep-inbox: messages that wait in the deep one")
	flag.IntVar(&l.copies, "copies", 300_000, "replay: copies that are sent again")
	flag.StringVar(&l.stores, "stores", "SQLite PostgreSQL", "replay: the stores that are measured")
	flag.IntVar(&l.streams, "streams", 10_000, "streams: how many wait")
	flag.IntVar(&l.rounds, "rounds", 21, "all but publish: rounds on each side")
	flag.DurationVar(&l.round, "round", 2*time.Second, "nodes, wide, filters, dead-mailbox: length of a round; of dead-mailbox after a second that is not counted")
	flag.Parse()
	measure, ok := cases[*name]
	if !ok {
		fmt.Fprintf(os.Stderr, "bench: -case is %s\n", names)
		os.Exit(2)
	}
	if err := measure(l); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// quantile returns a quantile of durations in ascending order.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[int(q*float64(len(sorted)-1))].Round(10 * time.Microsecond)
}
