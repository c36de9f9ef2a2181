package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"nems/receiver"
)

// inboxCmd collects what waits in a MESH mailbox.
type inboxCmd struct {
	Mailbox   string        `arg:"" help:"MESH mailbox id."`
	Follow    bool          `help:"Go on collecting until interrupted."`
	Exec      string        `placeholder:"CMD" help:"Pipe each message to this command (run by the shell; facts in NEMS_MSG_... variables) and acknowledge it only when the command exits with 0."`
	Save      string        `type:"path" placeholder:"DIR" help:"Keep each message as a file in this folder."`
	Keep      bool          `help:"Leave the messages in the mailbox instead of acknowledging them."`
	Format    string        `enum:"text,json" default:"text" help:"text: a table on a terminal, lines with tabs elsewhere; json: one object a line."`
	Memory    string        `type:"path" placeholder:"FILE" help:"Where to remember what was collected; default: in the folder of --save, or with --exec in the user's cache folder."`
	EveryCopy bool          `name:"every-copy" help:"Collect an event that was published or delivered twice twice."`
	SetAside  string        `name:"set-aside" type:"path" placeholder:"DIR" help:"Put messages that fail again and again here and acknowledge them; default: they stay in the mailbox."`
	Attempts  int           `default:"3" help:"How often a message is tried."`
	Sender    []string      `default:"X26NEMS" env:"-" placeholder:"MAILBOX" help:"Mailbox that NEMS sends from. What reads as an event and comes from another one is not handed on: it is set aside or stays in the mailbox. * believes everybody."`
	OwnASID   []string      `name:"own-asid" placeholder:"ASID" help:"Mark the events that this system published itself."`
	Poll      time.Duration `help:"Time between two looks with --follow; default: 5m, the shortest that MESH allows, and 1s for a MESH on this machine."`
	Password  string        `default:"password" env:"NEMS_MAILBOX_PASSWORD" help:"Password of the mailbox."`
	SharedKey string        `name:"shared-key" default:"TestKey" env:"NEMS_MESH_SHARED_KEY" help:"Shared key of the MESH environment."`
	URL       string        `default:"http://localhost:8880" help:"Address of the MESH."`
	tlsFiles

	out io.Writer // where the rows go; nil: standard output
}

// Run collects until the mailbox is empty, or with --follow until interrupted.
// A message is acknowledged only after it went where it was asked to go.
func (i *inboxCmd) Run(ctx context.Context) error {
	if i.Save != "" {
		if err := os.MkdirAll(i.Save, 0o750); err != nil {
			return err
		}
	}
	memory, err := i.openMemory()
	if err != nil {
		return err
	}
	defer memory.Close()
	out := &inboxWriter{inboxCmd: i, w: i.out}
	if i.out == nil {
		out.w, out.table = os.Stdout, term.IsTerminal(int(os.Stdout.Fd()))
	}
	r, err := i.receiver(memory, out)
	if err != nil {
		return err
	}
	if i.Follow {
		return r.Run(ctx, i.handle)
	}
	tally, err := r.Collect(ctx, i.handle)
	switch {
	case err != nil:
		return err
	case tally == receiver.Tally{}:
		fmt.Fprintf(stderr(), "%s is empty\n", i.Mailbox)
	case tally.Left > 0:
		fmt.Fprintf(stderr(), "%d left in %s\n", tally.Left, i.Mailbox)
		return errFailed
	}
	return nil
}

func (i *inboxCmd) receiver(memory receiver.Memory, out *inboxWriter) (*receiver.Receiver, error) {
	h, err := i.httpClient()
	if err != nil {
		return nil, err
	}
	return receiver.New(receiver.Config{
		EveryVersion: true, // who looks into an inbox wants to see all of it
		URL:          i.URL, Mailbox: i.Mailbox, Password: i.Password, SharedKey: i.SharedKey, HTTP: h,
		OwnASIDs: i.OwnASID, Senders: i.Sender, Memory: memory, EveryCopy: i.EveryCopy, Keep: i.Keep,
		Poll: i.poll(), Attempts: i.Attempts, SetAside: i.SetAside, Observe: out.observe,
		Logger: newLog(slog.LevelInfo),
	})
}

// poll: only a MESH for tests runs on the same machine.
func (i *inboxCmd) poll() time.Duration {
	if u, err := url.Parse(i.URL); i.Poll == 0 && err == nil {
		if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip.IsLoopback() {
			return time.Second
		}
	}
	return i.Poll
}

// openMemory opens the memory where repeats matter: when something is done with
// the messages. Looking at them needs none on disk.
func (i *inboxCmd) openMemory() (*receiver.FileMemory, error) {
	path := i.Memory
	switch {
	case i.Keep || path == "" && i.Save == "" && i.Exec == "":
		path = ""
	case path == "" && i.Save != "":
		path = filepath.Join(i.Save, ".nems-inbox")
	case path == "":
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("no place to remember what was collected, give --memory: %w", err)
		}
		path = filepath.Join(cache, "nems", fmt.Sprintf("inbox-%x", sha256.Sum256([]byte(i.URL+" "+strings.ToUpper(i.Mailbox))))[:30])
	}
	if path != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
	}
	return receiver.OpenMemory(path, receiver.MemoryOptions{})
}

// handle saves a message, then gives it to the command. What only looks like an
// event goes to neither: they could take it for one.
func (i *inboxCmd) handle(ctx context.Context, m receiver.Message) error {
	if errors.Is(m.Problem, receiver.ErrSender) {
		return receiver.Permanent(m.Problem)
	}
	file := i.file(m)
	if file != "" {
		if err := receiver.WriteFile(file, m.Body); err != nil {
			return err
		}
	}
	if i.Exec == "" {
		return nil
	}
	return i.run(ctx, m, file)
}

// file is where a message is saved; "" when it is not: a report has no body.
func (i *inboxCmd) file(m receiver.Message) string {
	if i.Save == "" || m.Kind == receiver.Report {
		return ""
	}
	extension := ".xml"
	if m.Kind == receiver.Other && !bytes.HasPrefix(bytes.TrimSpace(m.Body), []byte("<")) {
		extension = ".bin"
	}
	return filepath.Join(i.Save, m.BaseName()+extension)
}
