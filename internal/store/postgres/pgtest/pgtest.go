// Package pgtest starts private PostgreSQL servers for tests: on a free port, in
// a folder that goes away with them.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"nems/internal/pgserver"
)

// Server is a private PostgreSQL of one test. Its files are not made durable
// (fsync=off), unless the test's settings say otherwise.
type Server struct {
	Port     int
	server   *pgserver.Server
	settings []string
	made     atomic.Int64
}

// Boot starts a PostgreSQL with these settings ("name=value") until the test
// ends. Without an installed PostgreSQL the test is skipped.
func Boot(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	s := prepare(tb, settings)
	must(tb, s.server.Init())
	s.Start(tb)
	return s
}

// Require skips the test where PostgreSQL is not installed, or fails it with
// NEMS_REQUIRE_POSTGRES=1.
func Require(tb testing.TB) {
	tb.Helper()
	_, err := pgserver.Find()
	if errors.Is(err, pgserver.ErrMissing) && os.Getenv("NEMS_REQUIRE_POSTGRES") != "1" {
		tb.Skip(err)
	}
	must(tb, err)
}

func prepare(tb testing.TB, settings []string) *Server {
	tb.Helper()
	Require(tb)
	server, err := pgserver.New(append([]string{"fsync=off"}, settings...)...)
	must(tb, err)
	tb.Cleanup(func() {
		if err := server.Close(); err != nil {
			tb.Error(err)
		}
	})
	return &Server{Port: server.Port, server: server, settings: settings}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// FreePort finds a port that nobody listens on.
func FreePort(tb testing.TB) int {
	tb.Helper()
	port, err := pgserver.FreePort()
	must(tb, err)
	return port
}

// Start starts the server; it ends with the test.
func (s *Server) Start(tb testing.TB) {
	tb.Helper()
	must(tb, s.server.Start())
}

// Stop ends the server as a crash does.
func (s *Server) Stop(tb testing.TB) {
	tb.Helper()
	s.server.Crash()
}

// DSN is that of a database over the loopback interface.
func (s *Server) DSN(role, database string) string { return s.server.DSN(role, database) }

// Database makes an empty database and returns its DSN.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprint("t", s.made.Add(1))
	SQL(tb, s.DSN("postgres", "postgres"), "CREATE DATABASE "+name)
	return s.DSN("postgres", name)
}

// Standby is a read-only copy of the server that follows it.
func (s *Server) Standby(tb testing.TB) *Server {
	tb.Helper()
	copied := prepare(tb, s.settings)
	must(tb, copied.server.Copy(s.server))
	copied.Start(tb)
	return copied
}

// SQL runs statements on a connection of their own and returns the first
// column of all rows, as text with spaces between.
func SQL(tb testing.TB, dsn string, statements ...string) string {
	tb.Helper()
	answer, err := pgserver.SQL(context.Background(), dsn, statements...)
	must(tb, err)
	return answer
}

// Promote makes a standby the primary.
func (s *Server) Promote(tb testing.TB) {
	tb.Helper()
	must(tb, s.server.Promote())
}
