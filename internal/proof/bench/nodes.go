package main

import (
	"fmt"
	"slices"
	"time"

	"nems/internal/pgserver"
)

// measureNodes compares one node with two nodes over the same PostgreSQL, in
// turn and with the same total number of connections. It measures publishes for
// each second of processor time that nodes and database used.
func measureNodes(l load) error {
	pg, flags, err := startDatabase()
	if err != nil {
		return err
	}
	defer pg.Close()
	var nodes []*server
	for range 2 {
		s, err := startServer(flags...)
		if err != nil {
			return err
		}
		defer s.stop()
		nodes = append(nodes, s)
	}
	if err := subscribeThree(nodes[0].url); err != nil {
		return err
	}
	message, err := padded()
	if err != nil {
		return err
	}
	l.warmUp, l.span = 0, l.round
	sides := []*nodesSide{{name: "one node", nodes: nodes[:1]}, {name: "two nodes", nodes: nodes}}
	order := slices.Clone(sides)
	for range l.rounds {
		for _, s := range order {
			if err := s.measure(l, pg, message); err != nil {
				return err
			}
		}
		slices.Reverse(order) // neither is always the first
	}
	fmt.Printf("publish over HTTP, PostgreSQL, durable: %d connections, %d bytes, fan-out 3, %d rounds of %s on each side\n", l.connections, len(message), l.rounds, l.round)
	for _, s := range sides {
		fmt.Printf("  %-9s  %6.0f messages/s   %6.0f for each CPU second of nodes and database\n", s.name, median(s.rate), median(s.efficiency))
	}
	fmt.Printf("  two nodes / one: %.2f\n", median(sides[1].efficiency)/median(sides[0].efficiency))
	return nil
}

// nodesSide is one or two nodes, and the results of the rounds.
type nodesSide struct {
	name             string
	nodes            []*server
	rate, efficiency []float64 // messages a second, and for each second of processor time
	tails            []time.Duration
}

func (s *nodesSide) measure(l load, pg *pgserver.Server, message []byte) error {
	spending := func() time.Duration {
		if pg == nil {
			return used(s.nodes)
		}
		return pg.CPU() + used(s.nodes)
	}
	before, began := spending(), time.Now()
	r, err := l.publish(message, s.nodes...)
	if err != nil {
		return err
	}
	spent := spending() - before
	s.tails = append(s.tails, quantile(r.latency, 0.99))
	s.rate = append(s.rate, float64(r.messages)/time.Since(began).Seconds())
	s.efficiency = append(s.efficiency, float64(r.messages)/spent.Seconds())
	return nil
}

func median(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }
