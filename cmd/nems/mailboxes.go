package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"nems/internal/nhs"
	"nems/internal/operator"
)

// mailboxesCmd manages the MESH mailboxes that copies can be sent to.
type mailboxesCmd struct {
	Add      addMailboxes      `cmd:"" help:"Add mailboxes, or replace those with the same id: one by flags, or those of a file."`
	List     listMailboxes     `cmd:"" help:"List the mailboxes, without their passwords."`
	Quota    quotaMailboxes    `cmd:"" help:"Show what other mailboxes have sent to mailboxes here and still waits there, compared with the quotas. Copies of events do not count."`
	Register registerMailboxes `cmd:"" help:"Register the mailboxes that may receive a workflow. Copies for other mailboxes served here are parked."`
}

type addMailboxes struct {
	ID       string `arg:"" optional:"" help:"Id of the mailbox."`
	ODS      string `name:"ods" env:"-" help:"ODS code of the organisation that it belongs to."`
	Name     string `env:"-" help:"Name, for people."`
	Remote   bool   `env:"-" help:"The mailbox is served by another MESH."`
	Password string `env:"NEMS_MAILBOX_PASSWORD" help:"Password of a mailbox that is served here; better given in the environment, or typed when asked."`
	File     string `type:"path" env:"-" help:"YAML or JSON with id, ods, name, password, remote: one mailbox, a list, or a list under mailboxes."`
	operated
}

// Run adds the mailboxes of the flags or of the file.
func (a *addMailboxes) Run(ctx context.Context) error {
	boxes, err := a.read()
	if err != nil {
		return err
	}
	return a.with(func(d operator.Face) error {
		if err := operator.PutMailboxes.Run(ctx, d, boxes); err != nil {
			return err
		}
		fmt.Fprintf(stdout(), "%d added\n", len(boxes))
		return nil
	})
}

func (a *addMailboxes) read() ([]operator.Mailbox, error) {
	if (a.ID == "") == (a.File == "") {
		return nil, errors.New("give either the id of a mailbox or --file")
	}
	if a.File != "" {
		data, err := readFile(a.File)
		if err != nil {
			return nil, err
		}
		boxes, err := operator.ReadMailboxes(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.File, err)
		}
		return boxes, nil
	}
	ods, err := nhs.ParseODSCode(a.ODS)
	if err != nil {
		return nil, fmt.Errorf("--ods: %w", err)
	}
	if a.Password == "" && !a.Remote {
		if a.Password, err = askPassword(a.ID); err != nil {
			return nil, err
		}
	}
	return []operator.Mailbox{{ID: a.ID, Name: a.Name, ODS: ods, Password: a.Password, Remote: a.Remote}}, nil
}

// askPassword asks on a terminal, without showing what is typed.
func askPassword(mailbox string) (string, error) {
	in := int(os.Stdin.Fd())
	if !term.IsTerminal(in) {
		return "", errors.New("give --password, or --remote for a mailbox of another MESH")
	}
	fmt.Fprintf(stderr(), "Password of %s: ", mailbox)
	typed, err := term.ReadPassword(in)
	fmt.Fprintln(stderr())
	return strings.TrimSpace(string(typed)), err
}

type listMailboxes struct {
	operated
	formatted
}

// Run prints all mailboxes.
func (l *listMailboxes) Run(ctx context.Context) error {
	return l.with(func(d operator.Face) error {
		boxes, err := operator.All(ctx, d, operator.ListMailboxes, operator.Paging{})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, box := range boxes {
			where := "here"
			if box.Remote {
				where = "remote"
			}
			rows = append(rows, []string{box.ID, string(box.ODS), where, box.Name})
		}
		return l.print(boxes, "MAILBOX ODS SERVED NAME", rows)
	})
}

// registerMailboxes restricts a workflow.
type registerMailboxes struct {
	Workflow  string   `arg:"" help:"MESH workflow id of an event type. One that was never registered is open to all."`
	Receivers []string `arg:"" optional:"" name:"mailbox" help:"Ids of all the mailboxes that may receive it; they replace those registered before."`
	Senders   []string `env:"-" help:"Ids of other mailboxes that may send it; this NEMS always may."`
	operated
}

// Run registers the mailboxes.
func (r *registerMailboxes) Run(ctx context.Context) error {
	return r.with(func(d operator.Face) error {
		if err := operator.PutWorkflows.Run(ctx, d, []operator.Workflow{{ID: r.Workflow, Senders: r.Senders, Receivers: r.Receivers}}); err != nil {
			return err
		}
		fmt.Fprintf(stdout(), "%s: %d mailboxes registered\n", r.Workflow, len(r.Receivers))
		return nil
	})
}
