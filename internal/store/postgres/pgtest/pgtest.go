// Package pgtest starts private PostgreSQL servers for tests: on a free port, in
// a folder that goes away with them.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

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

// shared is the server of a test process, started by the first test that asks.
var shared struct {
	sync.Mutex
	*Server
}

// Shared is a server with default settings for all tests of a package, each of which
// makes a database of its own. A test that changes or ends the server takes Boot. The
// package's TestMain is Main.
func Shared(tb testing.TB) *Server {
	tb.Helper()
	Require(tb)
	shared.Lock()
	defer shared.Unlock()
	if shared.Server == nil {
		server, err := pgserver.New("fsync=off")
		must(tb, err)
		if err := errors.Join(server.Init(), server.Start()); err != nil {
			tb.Fatal(errors.Join(err, server.Close()))
		}
		shared.Server = &Server{Port: server.Port, server: server}
	}
	return shared.Server
}

// Main runs the tests of a package, checks that no goroutine outlives them, and ends
// the shared server.
func Main(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("nems/internal/pgserver.(*Server).Start.func1"), goleak.Cleanup(func(status int) {
		if err := closeShared(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = max(status, 1)
		}
		os.Exit(status)
	}))
}

// closeShared ends the shared server, if there is one.
func closeShared() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.Server == nil {
		return nil
	}
	defer func() { shared.Server = nil }()
	return shared.server.Close()
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

// Clone makes a copy of a database to which nobody is connected, and returns its DSN.
func (s *Server) Clone(tb testing.TB, dsn string) string {
	tb.Helper()
	from, err := url.Parse(dsn)
	must(tb, err)
	name := fmt.Sprint("t", s.made.Add(1))
	SQL(tb, s.DSN("postgres", "postgres"), "CREATE DATABASE "+name+" TEMPLATE "+path.Base(from.Path))
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
