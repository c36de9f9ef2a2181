package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"nems/internal/pgserver"
)

// server is a nems that serves the dev world from a folder of its own.
type server struct {
	url    string
	folder string
	cmd    *exec.Cmd
}

// startDatabase starts a PostgreSQL that keeps what it confirms, with an empty
// database, and returns the flags of a nems on it. Its memory is what an
// operator would give it, not the default.
func startDatabase() (*pgserver.Server, []string, error) {
	pg, err := pgserver.New("shared_buffers=1GB", "max_wal_size=8GB", "fsync=on")
	if err != nil {
		return nil, nil, err
	}
	if err = pg.Init(); err == nil {
		err = pg.Start()
	}
	if err == nil {
		_, err = pgserver.SQL(context.Background(), pg.DSN("postgres", "postgres"), "CREATE DATABASE nems")
	}
	if err != nil {
		return nil, nil, errors.Join(err, pg.Close())
	}
	return pg, []string{"--database", pg.DSN("postgres", "nems")}, nil
}

var address = regexp.MustCompile(`https?://\S+`)

// startServer builds nems, starts it on a free port, with further flags, and
// waits until it says that it is ready.
func startServer(flags ...string) (*server, error) {
	folder, err := os.MkdirTemp("", "nems-bench-")
	if err != nil {
		return nil, err
	}
	s := &server{folder: folder}
	if err := s.start(flags); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *server) start(flags []string) error {
	if err := s.build(); err != nil {
		return err
	}
	return s.serve(flags)
}

func (s *server) binary() string { return filepath.Join(s.folder, "nems") }

func (s *server) build() error {
	build := exec.Command("go", "build", "-o", s.binary(), "nems/cmd/nems")
	build.Stderr = os.Stderr
	return build.Run()
}

func (s *server) serve(flags []string) error {
	cmd := exec.Command(s.binary(), append([]string{"serve", "--dev", "--listen", "127.0.0.1:0", "--data", s.data(), "--log-level", "error"}, flags...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.cmd = cmd
	line, err := bufio.NewReader(out).ReadString('\n')
	if s.url = address.FindString(line); s.url == "" {
		return errors.Join(fmt.Errorf("no address in %q", line), err)
	}
	return nil
}

// data is the folder of the server's database.
func (s *server) data() string { return filepath.Join(s.folder, "data") }

func (s *server) stop() {
	s.end()
	_ = os.RemoveAll(s.folder)
}

// end ends the process; the folder stays.
func (s *server) end() {
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// cpu is the processor time that the server has used.
func (s *server) cpu() time.Duration { return pgserver.CPU(s.cmd.Process.Pid) }

// resident is the memory that the server holds, in bytes (proc(5), statm).
func (s *server) resident() int64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseInt(strings.Fields(string(raw))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
