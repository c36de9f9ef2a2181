package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"nems/internal/plain"
	"nems/receiver"
)

// run passes a message to the command. What the command prints goes to standard
// error, because standard output is the list of messages.
func (i *inboxCmd) run(ctx context.Context, m receiver.Message, file string) error {
	shell, flag := "sh", "-c"
	if runtime.GOOS == "windows" {
		shell, flag = "cmd", "/C"
	}
	c := exec.CommandContext(ctx, shell, flag, i.Exec)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 5 * time.Second // then it is killed
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(m.Body), os.Stderr, os.Stderr
	c.Env = append(withoutSecrets(os.Environ()), variables(m, file)...)
	if err := c.Run(); err != nil {
		return fmt.Errorf("command: %w", err)
	}
	return nil
}

// withoutSecrets removes the secrets from an environment: the command does not need the mailbox's
// password.
func withoutSecrets(environment []string) []string {
	var kept []string
	for _, v := range environment {
		if !strings.HasPrefix(v, "NEMS_MAILBOX_PASSWORD=") && !strings.HasPrefix(v, "NEMS_MESH_SHARED_KEY=") {
			kept = append(kept, v)
		}
	}
	return kept
}

// variables describe to the command what it has on standard input. The patient
// is only there, because a process's environment is easily seen.
func variables(m receiver.Message, file string) []string {
	row := newInboxRow(m, "", nil, file)
	pairs := []struct{ name, value string }{
		{"MESH_ID", row.ID}, {"KIND", row.Kind}, {"WORKFLOW", row.Workflow}, {"FROM", row.From},
		{"LOCAL_ID", row.LocalID}, {"EVENT", row.Event}, {"EVENT_KIND", row.EventKind}, {"ID", row.MessageID},
		{"SOURCE", row.Source}, {"LAST_UPDATED", row.LastUpdated}, {"VERSION", strconv.FormatInt(row.Version, 10)},
		{"ORDER", row.Order}, {"OWN", strconv.FormatBool(row.Own)}, {"ATTEMPT", strconv.Itoa(row.Attempt)},
		{"SUBSCRIPTIONS", row.subscriptions()}, {"FILE", file}, {"PROBLEM", row.Problem},
		{"REPORT_CODE", m.Status.Code}, {"REPORT_TEXT", m.Status.Description}, {"REPORT_LINKED_ID", m.Status.LinkedID},
	}
	// A value from outside must not end a variable or a line.
	var all []string
	for _, p := range pairs {
		all = append(all, "NEMS_MSG_"+p.name+"="+plain.Line(p.value))
	}
	return all
}
