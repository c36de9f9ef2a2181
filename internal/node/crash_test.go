package node_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"nems/client"
	"nems/internal/directory/devworld"
	"nems/internal/node"
	"nems/internal/node/nodetest"
)

// crashFolder names the data folder for a test binary that acts as a server,
// and crashDatabase its database, if that is not in the folder.
const (
	crashFolder   = "NEMS_TEST_CRASH_FOLDER"
	crashDatabase = "NEMS_TEST_CRASH_DATABASE"
)

// serveUntilKilled is the child of the crash tests: the real program, with the
// real clock, until it is killed or gets SIGTERM.
func serveUntilKilled(folder string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	config := node.DevConfig(folder)
	config.Database = os.Getenv(crashDatabase)
	err := node.Run(ctx, config, node.Environment{
		Log:   slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Ready: func(url string) { fmt.Println(url) },
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child is a server in a process of its own.
type child struct {
	t      testing.TB
	cmd    *exec.Cmd
	url    string
	stderr bytes.Buffer
	http   *http.Client
}

const readyWithin = 5 * time.Second

// spawn starts a server on a folder and waits until it is ready. environment is
// NAME=VALUE, in addition to that of the test.
func spawn(t testing.TB, folder string, environment ...string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: exec.Command(self, "-test.run=^$"), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: time.Minute}}
	c.cmd.Env = append(append(os.Environ(), crashFolder+"="+folder), environment...)
	c.cmd.Stderr = &c.stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // for a test that fails half-way; otherwise it has ended
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if c.url = strings.TrimSpace(line); err != nil || !strings.HasPrefix(c.url, "http") {
		_ = c.cmd.Wait()
		t.Fatalf("the server did not start: %q, %v\n%s", line, err, c.stderr.Bytes())
	}
	if took := time.Since(started); took > readyWithin {
		t.Errorf("expected to be ready within %s; received %s", readyWithin, took.Round(time.Millisecond))
	}
	return c
}

// end sends a signal, waits for the end and returns the error of Wait.
func (c *child) end(s os.Signal) error {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
	return c.cmd.Wait()
}

func (c *child) system(asid, ods string) *client.Client {
	return &client.Client{URL: c.url, ASID: asid, ODS: ods, NEMS: nodetest.NEMS, HTTP: c.http}
}

func (c *child) mailbox(id string) (*client.Mailbox, error) {
	return client.NewMailbox(client.MailboxConfig{URL: c.url, ID: id, Password: devworld.Password, SharedKey: devworld.SharedKey, HTTP: c.http})
}

// ledger is what the publishers were told, and what the subscribers received.
type ledger struct {
	base []byte // of every message
	next atomic.Int64

	mu       sync.Mutex
	accepted map[string]bool   // by message: 202
	copies   map[string]string // messages received, by mailbox and MESH message id
	ended    error             // the error of the last publish of a publisher
}

func newLedger(base []byte) *ledger {
	return &ledger{base: base, accepted: map[string]bool{}, copies: map[string]string{}}
}

// message returns a message that differs from all others by a comment.
func (l *ledger) message() []byte {
	return fmt.Appendf(bytes.Clone(l.base), "<!-- %d -->", l.next.Add(1))
}

// publish sends messages until one is not answered 202, and calls told with the
// number of all 202s so far.
func (l *ledger) publish(c *client.Client, told func(accepted int)) {
	for {
		message := l.message()
		_, err := c.Publish(context.Background(), message)
		l.mu.Lock()
		if err != nil {
			l.ended = err
			l.mu.Unlock()
			return
		}
		l.accepted[string(message)] = true
		n := len(l.accepted)
		l.mu.Unlock()
		told(n)
	}
}

// collect empties a mailbox once, or until an error. A copy that appears again,
// because its acknowledgement was cut off, is recognised by its id.
func (l *ledger) collect(c *child, id string) error {
	box, err := c.mailbox(id)
	if err != nil {
		return err
	}
	ctx := context.Background()
	for {
		ids, err := box.List(ctx)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, messageID := range ids {
			received, err := box.Download(ctx, messageID)
			if err != nil {
				return err
			}
			l.mu.Lock()
			l.copies[id+" "+messageID] = string(received.Body)
			l.mu.Unlock()
			if err := box.Acknowledge(ctx, messageID); err != nil {
				return err
			}
		}
	}
}

// check compares what a mailbox received with what was accepted: each accepted
// message once, and no message twice, whatever its publisher was told.
func (l *ledger) check(t *testing.T, mailbox string) (unanswered int) {
	t.Helper()
	times := map[string]int{}
	for id, message := range l.copies {
		if strings.HasPrefix(id, mailbox+" ") {
			times[message]++
		}
	}
	lost, repeated := 0, 0
	for message := range l.accepted {
		if times[message] == 0 {
			lost++
		}
	}
	for message, n := range times {
		if n > 1 {
			repeated++
		}
		if !l.accepted[message] {
			unanswered++
		}
		if !bytes.HasPrefix([]byte(message), l.base) {
			t.Errorf("%s: a copy is none of the messages published", mailbox)
		}
	}
	if lost > 0 || repeated > 0 {
		t.Errorf("%s: of %d accepted messages %d are lost; %d messages came twice", mailbox, len(l.accepted), lost, repeated)
	}
	return unanswered
}

const (
	kills      = 12
	publishers = 4
)

// TestKillUnderLoad kills the server a dozen times while publishers publish and
// a subscriber collects, each time after a random number of 202s.
func TestKillUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("kills a dozen processes: not with -short")
	}
	folder, random := t.TempDir(), rand.New(rand.NewPCG(2026, 11))
	l := newLedger(nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	for round := range kills {
		c := spawn(t, folder)
		if round == 0 {
			subscribeBoth(t, c)
		}
		l.hammer(c, 1+random.IntN(150), syscall.SIGKILL)
		c.http.CloseIdleConnections()
	}
	c := spawn(t, folder)
	for _, box := range []string{leeds, national} {
		if err := l.collect(c, box); err != nil {
			t.Fatalf("%s: %v", box, err)
		}
	}
	if err := c.end(syscall.SIGTERM); err != nil {
		t.Errorf("the last server ended with %v\n%s", err, c.stderr.Bytes())
	}
	c.http.CloseIdleConnections()
	for _, box := range []string{leeds, national} {
		unanswered := l.check(t, box)
		t.Logf("%s: %d kills, %d messages accepted; %d more were stored but the answer was cut off", box, kills, len(l.accepted), unanswered)
	}
}

// subscribeBoth subscribes two mailboxes to everything.
func subscribeBoth(t *testing.T, c *child) {
	t.Helper()
	for _, s := range []struct {
		*client.Client
		criteria, mailbox string
	}{
		{c.system(nodetest.LeedsID, "RR8"), about(nodetest.Jack) + vaccinations, leeds},
		{c.system(nodetest.NationalID, "X26"), rule("COUNTRYCODE", england) + vaccinations, national},
	} {
		if _, err := s.Subscribe(context.Background(), client.Subscription{Criteria: s.criteria, Mailbox: s.mailbox, Reason: "A test"}); err != nil {
			t.Fatal(err)
		}
	}
}

// hammer publishes and collects, and sends a signal after this many more 202s.
// It returns how the process ended, after everybody has noticed.
func (l *ledger) hammer(c *child, after int, s os.Signal) error {
	c.t.Helper()
	var publishing, collecting sync.WaitGroup
	target, reached := len(l.accepted)+after, make(chan struct{})
	stop := sync.OnceFunc(func() { close(reached) })
	for range publishers {
		publishing.Go(func() {
			l.publish(c.system(nodetest.PublisherID, "A83627"), func(accepted int) {
				if accepted >= target {
					stop()
				}
			})
		})
	}
	collecting.Go(func() {
		for l.collect(c, leeds) == nil {
		}
	})
	collecting.Go(func() { // nobody publishes any more, because the server refuses
		publishing.Wait()
		stop()
	})
	<-reached
	err := c.end(s)
	collecting.Wait()
	if len(l.accepted) < target {
		c.t.Errorf("before the signal: expected %d more 202s; a publisher received %v", target-len(l.accepted), l.ended)
	}
	return err
}

// TestDrain stops the server with SIGTERM under load. Everything it stored must
// have been answered, and it must end within ten seconds.
func TestDrain(t *testing.T) {
	folder := t.TempDir()
	l := newLedger(nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	c := spawn(t, folder)
	subscribeBoth(t, c)
	for round := range 3 {
		if round > 0 {
			c = spawn(t, folder)
		}
		if err := l.hammer(c, 100, syscall.SIGTERM); err != nil {
			t.Errorf("SIGTERM: expected a clean end; received %v\n%s", err, c.stderr.Bytes())
		}
		c.http.CloseIdleConnections()
	}
	c = spawn(t, folder)
	for _, box := range []string{leeds, national} {
		if err := l.collect(c, box); err != nil {
			t.Fatalf("%s: %v", box, err)
		}
	}
	began := time.Now()
	if err := c.end(syscall.SIGTERM); err != nil || time.Since(began) > 10*time.Second {
		t.Errorf("SIGTERM: expected a clean end within 10 s; received %v after %s", err, time.Since(began))
	}
	c.http.CloseIdleConnections()
	for _, box := range []string{leeds, national} {
		if cut := l.check(t, box); cut > 0 {
			t.Errorf("%s: %d messages were stored, but their publishers were cut off", box, cut)
		}
	}
}
