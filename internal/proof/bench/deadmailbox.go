package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"nems/client"
	"nems/internal/catalogue/example"
	"nems/internal/directory/devworld"
)

const (
	deadBox = "RR8DEAD"
	// pace is the pause between two events of a round, each for one of the live
	// mailboxes in turn. Something is always on its way then, and the courier
	// looks for more whenever it gets through: its pause when nothing is due
	// would hide the rest.
	pace = 4 * time.Millisecond
	// settling is the beginning of a round that is not counted: the courier has
	// been idle.
	settling = time.Second
	// liveCode and deadCode are what the live mailboxes and the dead one have
	// subscribed to, so that the backlog stays as it is.
	liveCode, deadCode = "vaccinations-1", "professional-contacts-1"
)

// living are patients of the dev world. Each has a live mailbox that receives
// nothing about others.
var living = []example.Patient{
	{NHSNumber: "9912003888", Family: "DAWKINS", Given: "Jack", BirthDate: "2017-10-02"},
	{NHSNumber: "9434765919", Family: "SPECIMEN", Given: "Alex", BirthDate: "1985-05-14"},
	{NHSNumber: "9990000050", Family: "TREMAYNE", Given: "Lowri", BirthDate: "1988-08-19"},
	{NHSNumber: "9990000131", Family: "ADEYEMI", Given: "Tola", BirthDate: "2021-09-01"},
	{NHSNumber: "9990000158", Family: "ADEYEMI", Given: "Kemi", BirthDate: "2022-08-31"},
	{NHSNumber: "9990000166", Family: "BYRNE", Given: "Aoife", BirthDate: "2012-02-29"},
	{NHSNumber: "9990000174", Family: "CHOWDHURY", Given: "Rafi", BirthDate: "2013-03-01"},
	{NHSNumber: "9990000182", Family: "DUNMORE", Given: "Ellis", BirthDate: "2007-07-15"},
}

// measureDeadMailbox measures how long copies for live remote mailboxes take,
// from their acceptance until they are at the MESH. It uses two servers in
// turn: one without a dead mailbox, and one with a mailbox that the MESH turns
// away and for which many deliveries wait.
func measureDeadMailbox(l load) error {
	alone, err := newSide("alone", l, 0)
	if err != nil {
		return err
	}
	defer alone.stop()
	beside, err := newSide("beside", l, l.waiting)
	if err != nil {
		return err
	}
	defer beside.stop()
	sides := []*side{alone, beside}
	for range l.rounds {
		for _, s := range sides {
			if err := s.round(l); err != nil {
				return err
			}
		}
		slices.Reverse(sides) // neither is always the first
	}
	waiting, err := beside.waiting()
	if err != nil {
		return err
	}
	fmt.Printf("a dead remote mailbox with %d deliveries waiting, %d live ones with %.0f a second: %d rounds of %s on each side\n",
		waiting, len(living), 1/pace.Seconds(), l.rounds, l.round)
	alone.print()
	beside.print()
	fmt.Printf("  p99 of the median round, beside it / alone: %.3f   (the dead one was tried %d times)\n",
		beside.medianRound().Seconds()/alone.medianRound().Seconds(), beside.mesh.turnedAway())
	return nil
}

// side is a server with the MESH that it delivers to.
type side struct {
	*server
	name      string
	mesh      *remoteMESH
	publisher client.Client
	messages  [][]byte // one for each live mailbox
	dead      bool     // there is a dead one
	took      []time.Duration
	rounds    []time.Duration // the 99th percentiles
}

// newSide starts a server with live mailboxes and with this many deliveries
// waiting for the dead one.
func newSide(name string, l load, waiting int) (*side, error) {
	mesh, err := startMESH(deadBox)
	if err != nil {
		return nil, err
	}
	s := &side{name: name, mesh: mesh}
	s.server, err = startServer("--mesh-remote-url", mesh.url, "--mesh-remote-shared-key", devworld.SharedKey, "--mesh-remote-password", devworld.Password)
	if err != nil {
		mesh.stop()
		return nil, err
	}
	if err := s.prepare(l, waiting); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *side) stop() {
	s.server.stop()
	s.mesh.stop()
}

// round publishes at a steady pace, however long the answers take, and waits
// until every copy has arrived. It counts the copies that were accepted after
// the settling time.
func (s *side) round(l load) error {
	if s.dead {
		if err := s.rouse(); err != nil {
			return err
		}
	}
	interaction := client.WithInteraction(client.PublishInteraction(s.messages[0]))
	events := int((settling + l.round) / pace)
	from, answers := time.Now().Add(settling), make(chan error, events)
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for n := range events {
		<-tick.C
		go func() {
			_, err := s.publisher.Publish(context.Background(), s.messages[n%len(s.messages)], interaction)
			answers <- err
		}()
	}
	for range events {
		if err := <-answers; err != nil {
			return err
		}
	}
	all, err := s.mesh.arrivals(events, time.Minute)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	var took []time.Duration
	for _, a := range all {
		if a.accepted.After(from) {
			took = append(took, a.took)
		}
	}
	if len(took) == 0 {
		return errors.New("nothing was accepted within a round: -round is too short")
	}
	slices.Sort(took)
	s.took, s.rounds = append(s.took, took...), append(s.rounds, quantile(took, 0.99))
	return nil
}

// medianRound returns the median of the rounds' 99th percentiles, so that a
// round disturbed by something else on the machine does not dominate.
func (s *side) medianRound() time.Duration {
	return quantile(slices.Sorted(slices.Values(s.rounds)), 0.5)
}

func (s *side) print() {
	slices.Sort(s.took)
	fmt.Printf("  %-7s p50 %v   p99 %v   median round's p99 %v   (of the rounds: %v)\n",
		s.name, quantile(s.took, 0.50), quantile(s.took, 0.99), s.medianRound(), s.rounds)
}
