package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"nems/client"
)

// publishCmd sends message files to a NEMS. Who is calling is not taken from the
// environment: NEMS_ASID is the service's own.
type publishCmd struct {
	Files          []string `arg:"" name:"file" help:"Event messages (XML); - is standard input."`
	ASID           string   `name:"asid" env:"-" default:"300000000161" help:"ASID of the publishing system."`
	ODS            string   `name:"ods" env:"-" default:"A83627" help:"ODS code of the publishing organisation."`
	Interaction    string   `help:"Interaction id; default: the one of the message's event code."`
	IdempotencyKey string   `help:"Make repeating this call safe for 24 hours (extension of this NEMS)."`
	Warnings       bool     `help:"Show the findings that did not refuse the message."`
	connection
}

// Run publishes file after file and fails when one was refused.
func (p *publishCmd) Run(ctx context.Context) error {
	c, err := p.system(p.ASID, p.ODS)
	if err != nil {
		return err
	}
	var options []client.PublishOption
	if p.Interaction != "" {
		options = append(options, client.WithInteraction(p.Interaction))
	}
	if p.IdempotencyKey != "" {
		options = append(options, client.WithIdempotencyKey(p.IdempotencyKey))
	}
	if p.Warnings {
		options = append(options, client.WithWarnings())
	}
	failed := false
	for _, file := range p.Files {
		if err := publishFile(ctx, c, file, options); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", file, err)
			failed = true
		}
	}
	if failed {
		return errFailed
	}
	return nil
}

func publishFile(ctx context.Context, c *client.Client, file string, options []client.PublishOption) error {
	message, err := readFile(file)
	if err != nil {
		return err
	}
	published, err := c.Publish(ctx, message, options...)
	if errors.Is(err, client.ErrNotAnEvent) {
		return fmt.Errorf("%w; give --interaction to send it as it is", err)
	}
	if err != nil {
		return err
	}
	fmt.Printf("%s: 202 Accepted\n", file)
	for _, issue := range published.Issues {
		fmt.Printf("  %s %s\n", issue.Severity, issue)
	}
	return nil
}

// readFile reads a file, or standard input for "-".
func readFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(name)
}
