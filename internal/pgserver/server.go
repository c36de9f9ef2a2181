// Package pgserver runs private PostgreSQL servers for tests and torture: on
// free ports, in folders that are removed with them. Servers can be killed,
// halted, copied and promoted, as happens with real machines and operators.
// They trust everybody on the loopback interface and are never meant for real
// data.
package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrMissing is returned where no PostgreSQL is installed.
var ErrMissing = errors.New("PostgreSQL is not installed (Debian: package postgresql)")

// startWithin is how long a server may take until it answers. After a crash it
// first replays its log.
const startWithin = 60 * time.Second

// Server is a private PostgreSQL. One goroutine at a time may start and stop it.
type Server struct {
	// Port is where it listens, on the loopback interface. It stays the same across restarts.
	Port int

	bin, dir string
	settings []string
	as       *syscall.Credential
	cmd      *exec.Cmd
	ended    chan struct{} // closed when the postmaster is gone
}

// Find returns the folder of PostgreSQL's programs, or ErrMissing.
func Find() (string, error) {
	path, err := exec.LookPath("postgres")
	if err != nil {
		installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // where Debian installs it
		if len(installed) == 0 {
			return "", ErrMissing
		}
		path = installed[len(installed)-1]
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	return filepath.Dir(path), nil
}

// New prepares a server with these settings ("name=value"), in a new folder. It
// has no database yet: Init creates one, Copy copies another server's.
func New(settings ...string) (*Server, error) {
	dir, err := os.MkdirTemp("", "nems-pg")
	if err != nil {
		return nil, err
	}
	s, err := NewIn(dir, settings...)
	if err != nil {
		_ = os.RemoveAll(dir)
	}
	return s, err
}

// NewIn is New in an existing, empty folder. Close empties it.
func NewIn(dir string, settings ...string) (*Server, error) {
	bin, err := Find()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: dir, settings: settings, ended: make(chan struct{})}
	close(s.ended)
	if s.Port, err = FreePort(); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 { // the server refuses to run as root
		if s.as, err = asPostgres(); err != nil {
			return nil, err
		}
		if err := os.Chown(dir, int(s.as.Uid), int(s.as.Gid)); err != nil {
			return nil, err
		}
	}
	return s, os.Chmod(dir, 0o700)
}

func asPostgres() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

// FreePort finds a port that nobody listens on.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Init makes a new, empty cluster.
func (s *Server) Init() error {
	return s.run("initdb", "-D", s.dir, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
}

func (s *Server) run(program string, args ...string) error {
	if out, err := s.command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out)
	}
	return nil
}

func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.SysProcAttr, cmd.Dir = &syscall.SysProcAttr{Credential: s.as}, s.dir
	dieTogether(cmd.SysProcAttr)
	return cmd
}

// Start starts the server and waits until it answers. The settings given here
// override all others until the server ends.
func (s *Server) Start(settings ...string) error {
	args := []string{"-D", s.dir, "-p", strconv.Itoa(s.Port), "-k", s.dir, "-c", "listen_addresses=127.0.0.1"}
	for _, setting := range append(append([]string{}, s.settings...), settings...) {
		args = append(args, "-c", setting)
	}
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = s.command("postgres", args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	cmd, ended := s.cmd, make(chan struct{})
	s.ended = ended
	go func() { _ = cmd.Wait(); close(ended) }()
	return s.ready()
}

// log is outside the folder, because copies replace the folder and are made from it.
func (s *Server) log() string { return s.dir + ".log" }

// ready waits until the server answers.
func (s *Server) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.DSN("postgres", "postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-tick.C:
		case <-s.ended:
			return s.failure(errors.New("PostgreSQL ended before it was ready"))
		case <-ctx.Done():
			return s.failure(err)
		}
	}
}

// failure adds the end of the server's log to an error.
func (s *Server) failure(err error) error {
	said, _ := os.ReadFile(s.log())
	return fmt.Errorf("%w: %s", err, said[max(0, len(said)-1000):])
}

// Runs reports whether the postmaster is running.
func (s *Server) Runs() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// Crash ends the server at once without a checkpoint (`pg_ctl stop -m
// immediate`), and returns when it is gone.
func (s *Server) Crash() {
	if s.Runs() {
		_ = s.cmd.Process.Signal(syscall.SIGQUIT)
		<-s.ended
	}
}

// Close ends the server and removes its folder.
func (s *Server) Close() error {
	s.Kill()
	return errors.Join(os.RemoveAll(s.dir), os.RemoveAll(s.log()))
}

// DSN returns the DSN of a database over the loopback interface.
func (s *Server) DSN(role, database string) string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", role, s.Port, database)
}

// SQL runs statements on a new connection and returns the first column of all
// rows, separated by spaces.
func SQL(ctx context.Context, dsn string, statements ...string) (string, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	var answer []string
	for _, statement := range statements {
		results, err := conn.PgConn().Exec(ctx, statement).ReadAll()
		if err != nil {
			return "", fmt.Errorf("%s: %w", statement, err)
		}
		for _, r := range results {
			for _, row := range r.Rows {
				answer = append(answer, string(row[0]))
			}
		}
	}
	return strings.Join(answer, " "), nil
}
