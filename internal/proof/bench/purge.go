package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"nems/internal/catalogue/example"
	"nems/internal/pgserver"
	"nems/internal/store"
)

// shortLife is the retention of the side that purges: after the first rounds it
// removes as much as is published.
const shortLife = 5 * time.Second

// measurePurge compares publishing on a server that keeps everything with publishing
// on one that removes meanwhile as many events as come in, in turn, on each store.
func measurePurge(l load) error {
	if err := l.purgeOn("SQLite", nil, [2][]string{nil, {"--retention", shortLife.String()}}, func() error { return nil }); err != nil {
		return err
	}
	pg, _, err := startDatabase()
	if errors.Is(err, pgserver.ErrMissing) {
		fmt.Println("purging on PostgreSQL: not measured:", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer pg.Close()
	ctx, of := context.Background(), func(name string) string { return pg.DSN("postgres", name) }
	if _, err := pgserver.SQL(ctx, of("postgres"), "CREATE DATABASE purge0", "CREATE DATABASE purge1"); err != nil {
		return err
	}
	return l.purgeOn("PostgreSQL", pg, [2][]string{{"--database", of("purge0")}, {"--database", of("purge1")}}, func() error {
		_, err := pgserver.SQL(ctx, of("purge1"), age()...)
		return err
	})
}

// age are the statements that make what was published older than it may become:
// PostgreSQL removes whole days at once, and one by one only what has outlived its
// day.
func age() []string {
	by := store.PositionAt(time.Unix(0, 0).Add(40*24*time.Hour)) - store.PositionAt(time.Unix(0, 0))
	return []string{
		"CREATE TEMPORARY TABLE old AS SELECT * FROM event", fmt.Sprintf("UPDATE old SET id = id - %d WHERE id > %d", by, by),
		"DELETE FROM event", "INSERT INTO event SELECT * FROM old",
	}
}

func (l load) purgeOn(database string, pg *pgserver.Server, flags [2][]string, prepare func() error) error {
	// Nobody subscribes: an event that no mailbox waits for may go.
	message, err := example.Sized("vaccinations-1", "new", 11_400)
	if err != nil {
		return err
	}
	var sides []*nodesSide
	for i, name := range []string{"keeps", "purges"} {
		s, err := startServer(flags[i]...)
		if err != nil {
			return err
		}
		defer s.stop()
		sides = append(sides, &nodesSide{name: name, nodes: []*server{s}})
	}
	l.warmUp, l.span = 0, l.round
	order := slices.Clone(sides)
	for range l.rounds {
		if err := prepare(); err != nil {
			return err
		}
		for _, s := range order {
			if err := s.measure(l, pg, message); err != nil {
				return err
			}
		}
		slices.Reverse(order) // neither is always the first
	}
	fmt.Printf("publish without subscribers, %s: %d rounds of %s on each side\n", database, l.rounds, l.round)
	for _, s := range sides {
		fmt.Printf("  %-6s  %6.0f messages/s   p99 of the median round %v   %.2f ms of processor a publish\n", s.name, median(s.rate), s.medianTail(), 1000/median(s.efficiency))
	}
	fmt.Printf("  purging / keeping: %.2f of the rate\n", median(sides[1].rate)/median(sides[0].rate))
	return nil
}

// medianTail is the median of the rounds' 99th percentiles.
func (s *nodesSide) medianTail() time.Duration {
	return quantile(slices.Sorted(slices.Values(s.tails)), 0.5)
}
