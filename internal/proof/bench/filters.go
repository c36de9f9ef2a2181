package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"nems/client"
	"nems/internal/directory/devworld"
	"nems/internal/operator"
	"nems/internal/pgserver"
)

// fewDropped is how many subscriptions the smaller side has, and perBox how
// many a mailbox may have under one route key.
const fewDropped, perBox = 1000, 1000

// dropping are filters that drop the patient of padded: a registered child of
// about eight.
var dropping = []string{"&Patient.age=ge18", "&Patient.age=lt5", "&GPRegistration=UnregisteredOnly", "&Patient.age=ge40&Patient.age=le64", "&Patient.age=90"}

// measureFilters compares the processor time of a publish on two servers in turn,
// on each store: one with a thousand subscriptions of the patient's country that
// a filter drops, and one with many. If the cost does not depend on their number,
// the ratio is 1.
func measureFilters(l load) error {
	if err := l.filtersOn("SQLite", nil, func(string) ([]string, error) { return nil, nil }); err != nil {
		return err
	}
	pg, _, err := startDatabase()
	if errors.Is(err, pgserver.ErrMissing) {
		fmt.Println("dropped candidates on PostgreSQL: not measured:", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer pg.Close()
	return l.filtersOn("PostgreSQL", pg, func(name string) ([]string, error) {
		_, err := pgserver.SQL(context.Background(), pg.DSN("postgres", "postgres"), "CREATE DATABASE "+name)
		return []string{"--database", pg.DSN("postgres", name)}, err
	})
}

func (l load) filtersOn(store string, pg *pgserver.Server, database func(name string) ([]string, error)) error {
	message, err := padded()
	if err != nil {
		return err
	}
	var sides []*nodesSide
	for i, candidates := range []int{fewDropped, l.candidates} {
		flags, err := database(fmt.Sprintf("filters%d", i))
		if err != nil {
			return err
		}
		s, err := startServer(flags...)
		if err != nil {
			return err
		}
		defer s.stop()
		if err := errors.Join(subscribeThree(s.url), subscribeDropped(s, candidates, l.connections)); err != nil {
			return err
		}
		sides = append(sides, &nodesSide{name: fmt.Sprint(candidates), nodes: []*server{s}})
	}
	l.warmUp, l.span = 0, l.round
	order := slices.Clone(sides)
	for range l.rounds {
		for _, s := range order {
			if err := s.measure(l, pg, message); err != nil {
				return err
			}
		}
		slices.Reverse(order) // neither is always the first
	}
	fmt.Printf("subscriptions of the patient's country that a filter drops, %s: %d rounds of %s on each side\n", store, l.rounds, l.round)
	for _, s := range sides {
		fmt.Printf("  %7s: %.2f ms of processor a publish\n", s.name, 1000/median(s.efficiency))
	}
	fmt.Printf("  many / a thousand: %.2f\n", median(sides[0].efficiency)/median(sides[1].efficiency))
	return nil
}

// subscribeDropped subscribes mailboxes to the vaccinations of a country, with
// filters.
func subscribeDropped(s *server, candidates, connections int) error {
	access, err := operator.ReadAccess(s.data())
	if err != nil {
		return err
	}
	desk := &operator.Client{Access: access, User: "bench"}
	var boxes []operator.Mailbox
	for n := range (candidates + perBox - 1) / perBox {
		boxes = append(boxes, operator.Mailbox{ID: fmt.Sprintf("RR8DROP%d", n), ODS: "RR8", Password: devworld.Password})
	}
	if err := operator.PutMailboxes.Run(context.Background(), desk, boxes); err != nil {
		return err
	}
	subscriber := publisherAt(s, connections)
	subscriber.ASID, subscriber.ODS = "200000000115", "RR8"
	var next atomic.Int64
	errs := make(chan error, connections)
	for range connections {
		go func() {
			for n := int(next.Add(1)) - 1; n < candidates; n = int(next.Add(1)) - 1 {
				_, err := subscriber.Subscribe(context.Background(), client.Subscription{
					Criteria: fmt.Sprintf("/Bundle?type=message&subscriptionRuleType=COUNTRYCODE&Organization.identifier=E92000001&MessageHeader.event=%s%s&tag=t%d",
						liveCode, dropping[n%len(dropping)], n),
					Mailbox: boxes[n/perBox].ID, Reason: "Measuring"})
				if err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range connections {
		err = errors.Join(err, <-errs)
	}
	return err
}
