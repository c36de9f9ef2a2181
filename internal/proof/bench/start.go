package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"nems/internal/pgserver"
)

// measureStart measures how long nems serve --dev takes until /health/ready says yes:
// with nothing there yet, when schema and development world are made, and again.
func measureStart(l load) error {
	folder, err := os.MkdirTemp("", "nems-bench-")
	if err != nil {
		return err
	}
	s := &server{folder: folder}
	defer s.stop()
	if err := s.build(); err != nil {
		return err
	}
	if err := l.startOn("SQLite", s, func(int) ([]string, error) { return nil, nil }); err != nil {
		return err
	}
	pg, _, err := startDatabase()
	if errors.Is(err, pgserver.ErrMissing) {
		fmt.Println("start on PostgreSQL: not measured:", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer pg.Close()
	return l.startOn("PostgreSQL", s, func(round int) ([]string, error) {
		name := fmt.Sprint("start", round)
		_, err := pgserver.SQL(context.Background(), pg.DSN("postgres", "postgres"), "CREATE DATABASE "+name)
		return []string{"--database", pg.DSN("postgres", name)}, err
	})
}

// startOn starts a server twice in each round, on what empty gives and an empty folder.
func (l load) startOn(store string, s *server, empty func(round int) ([]string, error)) error {
	took, used := map[string][]time.Duration{}, map[string][]time.Duration{}
	for round := range l.rounds {
		flags, err := empty(round)
		if err == nil {
			err = os.RemoveAll(s.data())
		}
		if err != nil {
			return err
		}
		for _, what := range []string{"empty", "existing"} {
			began := time.Now()
			if err := s.serve(flags); err != nil {
				return err
			}
			if err := s.ready(); err != nil {
				return err
			}
			took[what] = append(took[what], time.Since(began))
			used[what] = append(used[what], s.cpu())
			s.end()
		}
	}
	for _, what := range []string{"empty", "existing"} {
		slices.Sort(took[what])
		slices.Sort(used[what])
		fmt.Printf("start on %s, %s: ready after %v (median of %d; slowest %v), %v of processor time\n",
			store, what, quantile(took[what], 0.5), l.rounds, quantile(took[what], 1), quantile(used[what], 0.5))
	}
	return nil
}

// ready asks once whether the server is ready: it has said so already.
func (s *server) ready() error {
	answer, err := http.Get(s.url + "/health/ready")
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("/health/ready: expected 200, received %s", answer.Status)
	}
	return nil
}
