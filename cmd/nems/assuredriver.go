package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"nems/internal/assure"
	"nems/internal/directory/devworld"
	"nems/internal/plain"
)

// driver has steps done: by a command, or by a person.
func (p *assurePublisher) driver(ctx context.Context, s *assure.Service, show *assureProgress) assure.Driver {
	if p.Exec != "" {
		return &commandDriver{run: ctx, command: p.Exec, service: s, declared: p.ASID + " " + strings.ToUpper(p.ODS), mailbox: p.Mailbox, wait: p.Wait}
	}
	return &personDriver{in: os.Stdin, out: show.out}
}

// commandDriver runs a command for each step.
type commandDriver struct {
	run      context.Context // of the whole test
	command  string
	service  *assure.Service
	declared string // ASID and ODS code
	mailbox  string // "" for none
	wait     time.Duration
}

// Do runs the command. It ends its work even when enough has come. Its exit code says
// nothing about the system: what came to the service does.
func (c *commandDriver) Do(_ context.Context, s *assure.Step) error {
	err := c.start(s, "do")
	var exit *exec.ExitError
	switch {
	case c.run.Err() != nil:
		return assure.ErrEnded
	case errors.As(err, &exit) && exit.ExitCode() == skipCode:
		return assure.ErrSkipped
	case errors.As(err, &exit), err == nil:
		return nil
	}
	return fmt.Errorf("--exec: %w", err)
}

// skipCode is what a command exits with to leave a step out; 77 as in Automake's tests.
const skipCode = 77

// Confirm asks the command: 0 is yes, 1 is no, anything else no answer.
func (c *commandDriver) Confirm(_ context.Context, s *assure.Step) (*bool, error) {
	err := c.start(s, "confirm")
	var exit *exec.ExitError
	switch {
	case err == nil:
		return new(true), nil
	case errors.As(err, &exit) && exit.ExitCode() == 1:
		return new(false), nil
	}
	return nil, nil
}

// start runs the command. What it prints goes to standard error.
func (c *commandDriver) start(s *assure.Step, phase string) error {
	ctx, cancel := context.WithTimeout(c.run, c.wait)
	defer cancel()
	shell, flag := "sh", "-c"
	if runtime.GOOS == "windows" {
		shell, flag = "cmd", "/C"
	}
	command := exec.CommandContext(ctx, shell, flag, c.command) //nolint:gosec // the user's own command
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 5 * time.Second
	command.Stdout, command.Stderr = stderr(), stderr()
	command.Env = c.environment(s, phase)
	return command.Run()
}

// environment is that of this process, and what tells the command what to do. A variable
// without a value is not there: commands of this program read the same ones.
func (c *commandDriver) environment(s *assure.Step, phase string) []string {
	asid, ods, _ := strings.Cut(c.declared, " ")
	pairs := [][2]string{
		{"PHASE", phase}, {"STEP", s.ID}, {"TEMPLATE", s.Plan.ID}, {"TITLE", s.Title}, {"ASK", s.Ask}, {"CONFIRM", s.Confirm},
		{"URL", c.service.URL}, {"PDS_URL", c.service.URL + "/personal-demographics/FHIR/R4"}, {"CA", c.service.Authority}, {"CERT", c.service.Client}, {"KEY", c.service.ClientKey},
		{"ASID", asid}, {"ODS", ods}, {"TO_ASID", "111111111111"}, {"KIND", s.Plan.Kind}, {"AFTER", s.After}, {"MESSAGES", fmt.Sprint(s.Wants)},
		{"NHS_NUMBER", s.Asked.NHSNumber}, {"FAMILY", s.Asked.Family}, {"GIVEN", s.Asked.Given}, {"BIRTH_DATE", s.Asked.Born},
	}
	if c.mailbox != "" {
		pairs = append(pairs, [2]string{"MAILBOX", c.mailbox}, [2]string{"MAILBOX_PASSWORD", devworld.Password}, [2]string{"MESH_SHARED_KEY", devworld.SharedKey}, [2]string{"REPORT_URL", c.service.URL + "/assure/report"})
	}
	if s.Event != nil {
		pairs = append(pairs, [2]string{"EVENT", s.Event.Code})
	}
	var all []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !slices.ContainsFunc(pairs, func(p [2]string) bool { return "NEMS_"+p[0] == name }) {
			all = append(all, v)
		}
	}
	for _, p := range pairs {
		if p[1] != "" {
			all = append(all, "NEMS_"+p[0]+"="+plain.Line(p[1]))
		}
	}
	return all
}

// personDriver asks a person.
type personDriver struct {
	in  io.Reader
	out io.Writer

	once  sync.Once
	lines chan string // closed at the end of the input
}

// read reads lines as long as the program runs: a read of a terminal cannot be ended.
func (d *personDriver) read() {
	d.lines = make(chan string)
	go func() {
		defer close(d.lines)
		for in := bufio.NewScanner(d.in); in.Scan(); {
			d.lines <- strings.ToLower(strings.TrimSpace(in.Text()))
		}
	}()
}

// Do waits for Enter, skip or quit.
func (d *personDriver) Do(ctx context.Context, _ *assure.Step) error {
	d.once.Do(d.read)
	fmt.Fprint(d.out, "        Enter when your system has done all that it does; skip; quit\n")
	select {
	case <-ctx.Done():
		return nil
	case line, more := <-d.lines:
		switch {
		case !more: // nobody answers: what comes counts
			<-ctx.Done()
			return nil
		case line == "skip":
			return assure.ErrSkipped
		case line == "quit":
			return assure.ErrEnded
		}
	}
	return nil
}

// Confirm asks yes or no.
func (d *personDriver) Confirm(ctx context.Context, s *assure.Step) (*bool, error) {
	d.once.Do(d.read)
	fmt.Fprintf(d.out, "        %s  (yes, no, or Enter for no answer)\n", s.Confirm)
	select {
	case <-ctx.Done():
	case line := <-d.lines:
		switch line {
		case "y", "yes":
			return new(true), nil
		case "n", "no":
			return new(false), nil
		}
	}
	return nil, nil
}
