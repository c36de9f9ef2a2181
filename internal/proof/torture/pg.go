//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"nems/internal/pgserver"
)

// base is the PostgreSQL that the nodes of a deployment share.
type base struct {
	primary, standby *pgserver.Server // standby is nil if nothing fails over
	wires            []*wire          // of each node to the primary; none if there is a standby
}

// nodesOnPostgres is how many nodes share a database.
const nodesOnPostgres = 2

// database is the name of the shared database.
const database = "nems"

// settings are those of all servers. Commits are written to disk, as in
// production, and a standby that has lost its primary looks for it often.
var settings = []string{"wal_retrieve_retry_interval=100ms", "max_wal_size=256MB"}

// newBase starts a server with an empty database.
func newBase() (*base, error) {
	server, err := pgserver.New(settings...)
	if err != nil {
		return nil, err
	}
	return serve(server)
}

// serve makes a database on a new server, and starts it.
func serve(server *pgserver.Server) (*base, error) {
	b := &base{primary: server}
	err := server.Init()
	if err == nil {
		err = server.Start()
	}
	if err == nil {
		_, err = ask(server, "postgres", "CREATE DATABASE "+database)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// newCluster starts a primary and a standby. Nothing is committed without the standby.
func newCluster() (*base, error) {
	b, err := newBase()
	if err != nil {
		return nil, err
	}
	if b.standby, err = pgserver.New(settings...); err == nil {
		err = b.follow()
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// follow makes the server that does not run the standby of the other.
func (b *base) follow() error {
	if err := b.standby.Copy(b.primary); err != nil {
		return err
	}
	if err := b.standby.Start(); err != nil {
		return err
	}
	return b.primary.Synchronous(true)
}

func ask(server *pgserver.Server, database string, statements ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return pgserver.SQL(ctx, server.DSN("postgres", database), statements...)
}

// nodes returns the number of nodes; one if they share nothing.
func (b *base) nodes() int {
	if b == nil {
		return 1
	}
	return nodesOnPostgres
}

// address returns the URL of the database for one more node.
func (b *base) address() (string, error) {
	at := fmt.Sprintf("127.0.0.1:%d", b.primary.Port)
	if b.standby != nil {
		at += fmt.Sprintf(",127.0.0.1:%d", b.standby.Port)
	} else {
		w, err := newWire(at)
		if err != nil {
			return "", err
		}
		b.wires = append(b.wires, w)
		at = w.at()
	}
	return fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable", at, database), nil
}

// close ends the servers and removes what they stored.
func (b *base) close() {
	if b == nil {
		return
	}
	for _, w := range b.wires {
		w.close()
	}
	for _, s := range []*pgserver.Server{b.primary, b.standby} {
		if s != nil {
			_ = s.Close() // what is left is in the folder of temporary files
		}
	}
}

// gap is the time in which nothing is accepted.
type gap struct {
	mu                   sync.Mutex
	since, broken, until time.Time
}

// begin is called when something is broken. since is when it began to break.
func (g *gap) begin(since time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.since, g.broken, g.until = since, time.Now(), time.Time{}
}

// end is called when a publish was accepted. began is when the publish began:
// one that began before everything was broken may have been accepted by what
// was there before.
func (g *gap) end(began time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.until.IsZero() && began.After(g.broken) {
		g.until = time.Now()
	}
}

var errGap = errors.New("nothing is accepted since the break")

// gapLength waits for the end of the gap and returns its length.
func (dep *deployment) gapLength(within time.Duration) (time.Duration, error) {
	for until := time.Now().Add(within); ; dep.wait(5 * time.Millisecond) {
		dep.gap.mu.Lock()
		ended, length := !dep.gap.until.IsZero(), dep.gap.until.Sub(dep.gap.since)
		dep.gap.mu.Unlock()
		if ended {
			return length, nil
		}
		if time.Now().After(until) {
			return within, errGap
		}
	}
}
