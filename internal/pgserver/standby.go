package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// slot is the replication slot for which a primary keeps what its standby has not fetched yet.
const slot = "standby"

// Copy makes this server, which must not be running, a standby of a primary. It
// replaces everything that the server had (pg_basebackup). Start then starts
// it.
func (s *Server) Copy(primary *Server) error {
	if err := s.clear(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	_, err := SQL(ctx, primary.DSN("postgres", "postgres"),
		"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active")
	if err != nil {
		return err
	}
	return s.run("pg_basebackup", "-D", s.dir, "-R", "-X", "stream", "-c", "fast", "-N", "-C", "-S", slot,
		"-h", "127.0.0.1", "-p", strconv.Itoa(primary.Port), "-U", "postgres")
}

// clear empties the folder.
func (s *Server) clear() error {
	if s.Runs() {
		return errors.New("the server runs")
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.dir, e.Name())))
	}
	return err
}

// Promote makes a standby the primary. When it returns, the server accepts writes.
func (s *Server) Promote() error {
	return s.run("pg_ctl", "promote", "-w", "-D", s.dir)
}

// Synchronous makes commits of this primary wait for its standby, and returns
// when a standby has caught up. With on false, commits no longer wait.
func (s *Server) Synchronous(on bool) error {
	names := ""
	if on {
		names = "*"
	}
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	dsn := s.DSN("postgres", "postgres")
	if _, err := SQL(ctx, dsn, "ALTER SYSTEM SET synchronous_standby_names = '"+names+"'", "SELECT pg_reload_conf()"); err != nil || !on {
		return err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		state, err := SQL(ctx, dsn, "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'")
		if err == nil && state == "sync" {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("no synchronous standby after %s (%q): %w", startWithin, state, err)
		}
	}
}
