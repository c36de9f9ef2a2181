package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
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

// inboxCmd shows the messages that wait in a MESH mailbox, and collects them where
// something is done with them. It never destroys one that nobody has asked it to.
type inboxCmd struct {
	Mailbox   string        `arg:"" help:"MESH mailbox id."`
	Follow    bool          `help:"Continue collecting until interrupted."`
	Exec      string        `placeholder:"CMD" help:"Pipe each message to this command (run by the shell; facts in NEMS_MSG_... variables) and acknowledge it only when the command exits with 0."`
	Save      string        `type:"path" placeholder:"DIR" help:"Keep each message as a file in this folder."`
	Keep      bool          `help:"Leave the messages in the mailbox although they are saved or passed on."`
	Discard   bool          `env:"-" help:"Acknowledge the messages although nothing is done with them: they are gone."`
	Format    string        `enum:"text,json" default:"text" help:"text: a table on a terminal, lines with tabs elsewhere; json: one object per line."`
	Memory    string        `type:"path" placeholder:"FILE" help:"Where to remember what was collected; default: in the folder of --save, or with --exec in the user's cache folder."`
	EveryCopy bool          `name:"every-copy" help:"Collect every copy of an event that was published or delivered more than once."`
	SetAside  string        `name:"set-aside" type:"path" placeholder:"DIR" help:"Move messages that fail repeatedly to this folder and acknowledge them; default: they stay in the mailbox."`
	Attempts  int           `default:"3" help:"How often a message is tried."`
	Sender    []string      `default:"X26NEMS" env:"-" placeholder:"MAILBOX" help:"Mailbox that NEMS sends from. A message that looks like an event but comes from another mailbox is not passed on: it is set aside or stays in the mailbox. * accepts every sender."`
	OwnASID   []string      `name:"own-asid" placeholder:"ASID" help:"Mark the events that this system published itself."`
	Poll      time.Duration `help:"Time between checks with --follow; default: 5m, the shortest that MESH allows, and 1s for a MESH on this machine."`
	Password  string        `default:"password" env:"NEMS_MAILBOX_PASSWORD" help:"Password of the mailbox."`
	SharedKey string        `name:"shared-key" default:"TestKey" env:"NEMS_MESH_SHARED_KEY" help:"Shared key of the MESH environment."`
	URL       string        `default:"http://localhost:8880" help:"Address of the MESH."`
	tlsFiles

	out io.Writer // where the rows go; nil: standard output
}

// Validate refuses flags that contradict each other.
func (i *inboxCmd) Validate() error {
	if i.Discard && (i.Keep || i.Save != "" || i.Exec != "") {
		return errors.New("--discard is for messages with which nothing is done: leave it out, or leave out --save, --exec and --keep")
	}
	return nil
}

// Help says what happens to the messages.
func (*inboxCmd) Help() string {
	return "Without further flags the messages are shown and stay in the mailbox. With --save or --exec each is acknowledged after that has succeeded, " +
		"and then the MESH does not have it any more. --discard acknowledges them and keeps them nowhere."
}

// keeps says whether the messages stay in the mailbox.
func (i *inboxCmd) keeps() bool { return i.Keep || i.Save == "" && i.Exec == "" && !i.Discard }

// Run collects until the mailbox is empty, or with --follow until interrupted.
// A message is acknowledged only after everything that was asked for has been
// done with it.
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
	case i.keeps() && !i.Keep:
		fmt.Fprintf(stderr(), "They stay in %s. --save DIR or --exec CMD collects them; --discard acknowledges them without keeping them.\n", i.Mailbox)
	}
	return nil
}

func (i *inboxCmd) receiver(memory receiver.Memory, out *inboxWriter) (*receiver.Receiver, error) {
	h, err := i.httpClient()
	if err != nil {
		return nil, err
	}
	return receiver.New(receiver.Config{
		EveryVersion: true, // people who look into an inbox want to see all of it
		URL:          i.URL, Mailbox: i.Mailbox, Password: i.Password, SharedKey: i.SharedKey, HTTP: h,
		OwnASIDs: i.OwnASID, Senders: i.Sender, Memory: memory, EveryCopy: i.EveryCopy, Keep: i.keeps(),
		Poll: i.poll(), Attempts: i.Attempts, SetAside: i.SetAside, Observe: out.observe,
		Logger: newLog(slog.LevelInfo, "text"),
	})
}

// poll returns a short interval for a MESH on the same machine, which is only used for tests.
func (i *inboxCmd) poll() time.Duration {
	if u, err := url.Parse(i.URL); i.Poll == 0 && err == nil {
		if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip.IsLoopback() {
			return time.Second
		}
	}
	return i.Poll
}

// openMemory opens the memory if something is done with the messages, because
// then repeats matter. Listing messages needs no memory on disk.
func (i *inboxCmd) openMemory() (*receiver.FileMemory, error) {
	path := i.Memory
	switch {
	case i.keeps() || i.Discard && path == "":
		path = ""
	case path == "" && i.Save != "":
		path = filepath.Join(i.Save, ".nems-inbox")
	case path == "":
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("there is no file to remember what was collected, give --memory: %w", err)
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

// handle saves a message, then passes it to the command. A message that only
// looks like an event gets neither, because it could be taken for one.
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

// file returns where a message is saved; "" if it is not saved. A report has no body.
func (i *inboxCmd) file(m receiver.Message) string {
	if i.Save == "" || m.Kind == receiver.Report {
		return ""
	}
	extension := ".xml"
	switch {
	case m.Kind != receiver.Other:
	case json.Valid(m.Body):
		extension = ".json"
	case !bytes.HasPrefix(bytes.TrimSpace(m.Body), []byte("<")):
		extension = ".bin"
	}
	return filepath.Join(i.Save, m.BaseName()+extension)
}
