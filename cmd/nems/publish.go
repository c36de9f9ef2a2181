package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"nems/client"
)

// publishCmd sends message files to a NEMS. The caller's identity is not taken
// from the environment, because NEMS_ASID is the service's own.
type publishCmd struct {
	Files          []string `arg:"" name:"file" help:"Event messages (XML), folders of them, or - for standard input."`
	ASID           string   `name:"asid" env:"-" default:"300000000161" help:"ASID of the publishing system."`
	ODS            string   `name:"ods" env:"-" default:"A83627" help:"ODS code of the publishing organisation."`
	Interaction    string   `help:"Interaction id; default: the one of the message's event code."`
	IdempotencyKey string   `help:"Make repeating this call safe for 24 hours (extension of this NEMS)."`
	Warnings       bool     `help:"Show the findings for which the message was not refused."`
	Curl           bool     `help:"Print the curl commands that do the same, and publish nothing."`
	outcomes
	connection
}

// Run publishes the files one after the other, and fails if one was refused.
func (p *publishCmd) Run(ctx context.Context) error {
	files, err := expand(p.Files)
	if err != nil {
		return err
	}
	if p.Curl {
		return p.asCurl(files)
	}
	c, err := p.system(p.ASID, p.ODS)
	if err != nil {
		return err
	}
	options := p.options()
	for _, file := range files {
		published, err := publishFile(ctx, c, file, options)
		o := outcome{File: file, err: err}
		if published != nil {
			o.Issues = published.Issues
		}
		p.say(o, file+": 202 Accepted")
	}
	return p.failed()
}

func (p *publishCmd) options() []client.PublishOption {
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
	return options
}

func publishFile(ctx context.Context, c *client.Client, file string, options []client.PublishOption) (*client.Published, error) {
	message, err := readFile(file)
	if err != nil {
		return nil, err
	}
	published, err := c.Publish(ctx, message, options...)
	if errors.Is(err, client.ErrNotAnEvent) {
		return nil, fmt.Errorf("%w; give --interaction to send it as it is", err)
	}
	return published, err
}

// asCurl prints a command for each file. The command makes its own token,
// because tokens are valid for only five minutes.
func (p *publishCmd) asCurl(files []string) error {
	for _, file := range files {
		interaction := p.Interaction
		if interaction == "" {
			message, err := readFile(file)
			if err != nil {
				return err
			}
			if interaction = client.PublishInteraction(message); interaction == "" {
				return fmt.Errorf("%s: %w; give --interaction to send it as it is", file, client.ErrNotAnEvent)
			}
		}
		lines := []string{
			"curl -sS " + quoted(strings.TrimSuffix(p.URL, "/")+"/STU3/Events/1/$process-message"),
			`-H "Authorization: Bearer $(nems token --endpoint publish --asid ` + quoted(p.ASID) + " --ods " + quoted(p.ODS) + `)"`,
			"-H " + quoted("fromASID: "+p.ASID), "-H " + quoted("toASID: "+p.ToASID), "-H " + quoted("InteractionID: "+interaction),
			"-H 'Content-Type: application/fhir+xml'",
		}
		for _, option := range []struct{ flag, value string }{{"--cert", p.Cert}, {"--key", p.Key}, {"--cacert", p.CA}} {
			if option.value != "" {
				lines = append(lines, option.flag+" "+quoted(option.value))
			}
		}
		if p.IdempotencyKey != "" {
			lines = append(lines, "-H "+quoted("Idempotency-Key: "+p.IdempotencyKey))
		}
		lines = append(lines, "--data-binary "+quoted("@"+file))
		fmt.Fprintln(stdout(), strings.Join(lines, " \\\n  "))
	}
	return nil
}

// quoted returns s as a word for the shell (POSIX, "Single-Quotes").
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// readFile reads a file, or standard input for "-".
func readFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(name)
}
