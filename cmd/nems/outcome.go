package main

import (
	"errors"
	"fmt"
	"os"

	"nems/client"
	"nems/internal/plain"
)

// outcomes is how a command reports what became of each item.
type outcomes struct {
	Format string `enum:"text,json" default:"text" help:"text for people, or json for one object per line."`
	wrong  bool   // at least one failed
}

// outcome is what became of one item. Its JSON is an interface: users parse it.
type outcome struct {
	File         string `json:"file,omitempty"`
	Subscription string `json:"subscription,omitempty"`
	OK           bool   `json:"ok"`
	Status       int    `json:"status,omitempty"` // HTTP status of a refusal
	// Issues are what the service said about what it did, or about why it refused.
	Issues []client.Issue `json:"issues,omitempty"`
	Error  string         `json:"error,omitempty"` // why there was no answer
	err    error
}

// say prints an outcome. done is the text for people on success.
func (f *outcomes) say(o outcome, done string) {
	f.wrong = f.wrong || o.err != nil
	if f.Format == "json" {
		_ = encoder(os.Stdout).Encode(o.filled())
		return
	}
	if o.err != nil {
		fmt.Fprintf(stderr(), "%s%s: %v\n", plain.Line(o.File), plain.Line(o.Subscription), withHint(o.err))
		return
	}
	fmt.Fprintln(stdout(), plain.Line(done))
	for _, issue := range o.Issues {
		fmt.Fprintf(stdout(), "  %s %s\n", plain.Line(issue.Severity), issue)
	}
}

// filled sets the fields that follow from the error.
func (o outcome) filled() outcome {
	var refusal *client.Error
	switch {
	case o.err == nil:
		o.OK = true
	case errors.As(o.err, &refusal):
		o.Status, o.Issues = refusal.Status, refusal.Issues
	default:
		o.Error = o.err.Error()
	}
	return o
}

// failed ends the command after its output has said what went wrong.
func (f *outcomes) failed() error {
	if f.wrong {
		return errFailed
	}
	return nil
}
