//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"nems/internal/operator"
)

// process is a nems that can be killed and started again on the same folder and
// the same port.
type process struct {
	binary, data, url string
	flags             []string
	database          string // empty: in data
	level             string // of the log
	listen            string
	http              *http.Client
	now               func() time.Time // the clock of its callers; nil: the machine's
	patience          time.Duration    // how long it may take until it is ready

	cmd   *exec.Cmd
	ended chan struct{} // closed when the process is gone
}

// newProcess prepares a nems; start starts it.
func newProcess(binary, data string, flags ...string) (*process, error) {
	socket, err := net.Listen("tcp", "127.0.0.1:0") // a free port, which is kept across restarts
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	p := &process{binary: binary, data: data, flags: flags, level: "error", patience: time.Minute, listen: socket.Addr().String(), ended: make(chan struct{})}
	p.url = "http://" + p.listen
	p.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true}, Timeout: 20 * time.Second}
	close(p.ended)
	return p, nil
}

var errNotReady = errors.New("nems ended before it was ready")

// start starts the process and waits until it is ready. A process that takes too
// long is killed.
func (p *process) start(env ...string) error {
	args := append([]string{"serve", "--dev", "--listen", p.listen, "--data", p.data, "--log-level", p.level}, p.flags...)
	if p.database != "" {
		args = append(args, "--database", p.database)
	}
	cmd := exec.Command(p.binary, args...)
	cmd.Env = append(os.Environ(), env...)
	log, err := os.OpenFile(p.data+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stderr = log
	// When a test binary or a shell dies, its servers die too.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	late := time.AfterFunc(p.patience, func() { _ = cmd.Process.Kill() })
	line, _ := bufio.NewReader(out).ReadString('\n')
	late.Stop()
	ended := make(chan struct{})
	p.cmd, p.ended = cmd, ended
	go func() { _ = cmd.Wait(); close(ended) }()
	if !strings.Contains(line, p.url) {
		<-ended
		said, _ := os.ReadFile(p.data + ".log")
		return fmt.Errorf("%w: %s", errNotReady, said[max(0, len(said)-500):])
	}
	return nil
}

// signal sends a signal to the process.
func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// kill ends it without warning and waits until it is gone.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	p.signal(syscall.SIGKILL)
	<-p.ended
	p.http.CloseIdleConnections()
}

// stop ends it in an orderly way.
func (p *process) stop() error {
	p.signal(syscall.SIGTERM)
	if !p.endsWithin(15 * time.Second) {
		p.kill()
		return errors.New("SIGTERM did not end nems within 15 s")
	}
	p.http.CloseIdleConnections()
	return nil
}

// endsWithin waits for the end of the process.
func (p *process) endsWithin(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.ended:
		return true
	case <-timer.C:
		return false
	}
}

// putMailboxes registers mailboxes.
func (p *process) putMailboxes(boxes ...operator.Mailbox) error {
	access, err := operator.ReadAccess(p.data)
	if err != nil {
		return err
	}
	desk := &operator.Client{Access: access, User: "torture", HTTP: p.http}
	return operator.PutMailboxes.Run(context.Background(), desk, boxes)
}

// verifyAudit runs `nems audit verify` on the stopped process's folder.
func (p *process) verifyAudit() error {
	args := []string{"audit", "verify", "--data", p.data}
	if p.database != "" {
		args = append(args, "--database", p.database)
	}
	out, err := exec.Command(p.binary, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("audit verify: %w\n%s", err, out)
	}
	return nil
}

// said counts the lines of the log with a text.
func (p *process) said(text string) int {
	log, _ := os.ReadFile(p.data + ".log") // a missing file contains nothing
	return strings.Count(string(log), text)
}
