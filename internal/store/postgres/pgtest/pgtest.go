// Package pgtest starts private PostgreSQL servers for tests: on a free port, in
// a folder that goes away with them.
package pgtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Server is a private PostgreSQL of one test.
type Server struct {
	bin, dir string
	Port     int
	settings []string
	as       *syscall.SysProcAttr
	made     atomic.Int64
}

// Boot starts a PostgreSQL with these settings ("name=value") until the test
// ends. Without an installed PostgreSQL the test is skipped.
func Boot(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	s := prepare(tb, settings)
	s.run(tb, "initdb", "-D", s.dir, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	s.Start(tb)
	return s
}

func prepare(tb testing.TB, settings []string) *Server {
	tb.Helper()
	path, err := find()
	if err != nil {
		if os.Getenv("NEMS_REQUIRE_POSTGRES") == "1" {
			tb.Fatal("PostgreSQL is required and not installed")
		}
		tb.Skip("PostgreSQL is not installed (Debian: package postgresql)")
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		tb.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "nems-pg")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	s := &Server{bin: filepath.Dir(path), dir: dir, settings: settings, Port: FreePort(tb)}
	if os.Geteuid() == 0 { // the server refuses to run as root
		s.as = asPostgres(tb, dir)
	}
	return s
}

// find looks for the server's program: in the path, and where Debian has it.
func find() (string, error) {
	path, err := exec.LookPath("postgres")
	if err == nil {
		return path, nil
	}
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(installed) == 0 {
		return "", err
	}
	return installed[len(installed)-1], nil
}

func asPostgres(tb testing.TB, dir string) *syscall.SysProcAttr {
	tb.Helper()
	u, err := user.Lookup("postgres")
	if err != nil {
		tb.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		tb.Fatal(err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

// FreePort finds a port that nobody listens on.
func FreePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *Server) run(tb testing.TB, program string, args ...string) {
	tb.Helper()
	if out, err := s.command(program, args...).CombinedOutput(); err != nil {
		tb.Fatalf("%s: %v\n%s", program, err, out)
	}
}

func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.SysProcAttr, cmd.Dir = s.as, s.dir
	return cmd
}

// Start starts the server, and stops it when the test ends.
func (s *Server) Start(tb testing.TB) {
	tb.Helper()
	options := fmt.Sprintf("-p %d -k %s -c listen_addresses=127.0.0.1 -c fsync=off", s.Port, s.dir)
	for _, o := range s.settings {
		options += " -c " + o
	}
	s.run(tb, "pg_ctl", "start", "-w", "-D", s.dir, "-l", filepath.Join(s.dir, "log"), "-o", options)
	tb.Cleanup(func() { _ = s.command("pg_ctl", "stop", "-m", "immediate", "-D", s.dir).Run() })
}

// Stop ends the server as a crash does.
func (s *Server) Stop(tb testing.TB) {
	tb.Helper()
	s.run(tb, "pg_ctl", "stop", "-m", "immediate", "-D", s.dir)
}

// DSN is that of a database over the loopback interface.
func (s *Server) DSN(role, database string) string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", role, s.Port, database)
}

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
	copied.run(tb, "pg_basebackup", "-D", copied.dir, "-R", "-X", "stream", "-c", "fast", "-N",
		"-h", "127.0.0.1", "-p", strconv.Itoa(s.Port), "-U", "postgres")
	copied.Start(tb)
	return copied
}

// SQL runs statements on a connection of their own and returns the first
// column of the last row, as text.
func SQL(tb testing.TB, dsn string, statements ...string) string {
	tb.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(ctx)
	var answer []string
	for _, statement := range statements {
		results, err := conn.PgConn().Exec(ctx, statement).ReadAll()
		if err != nil {
			tb.Fatalf("%s: %v", statement, err)
		}
		for _, r := range results {
			for _, row := range r.Rows {
				answer = append(answer, string(row[0]))
			}
		}
	}
	return strings.Join(answer, " ")
}

// Promote makes a standby the primary.
func (s *Server) Promote(tb testing.TB) {
	tb.Helper()
	s.run(tb, "pg_ctl", "promote", "-w", "-D", s.dir)
}
