package main

import (
	"context"
	"fmt"
	"strconv"

	"nems/internal/operator"
)

// showEvent shows one event, or writes its message.
type showEvent struct {
	Event   string `arg:"" help:"The event: its number, its MessageHeader.id, or the MESH message id or local id of one of its copies."`
	Message bool   `env:"-" help:"Write the message instead, as it was published. It names a patient, so the audit has that you read it."`
	Reason  string `default:"none given, on the command line" env:"-" help:"With --message: why you read it, for the audit."`
	Format  string `enum:"text,json" default:"text" help:"text or json."`
	operated
}

// Run prints the event with what became of its copies, or its message.
func (c *showEvent) Run(ctx context.Context) error {
	return c.with(func(f operator.Face) error {
		if c.Message {
			read, err := operator.ReadEvent.Do(ctx, f, operator.EventReading{Event: c.Event, Reason: c.Reason})
			switch {
			case err != nil:
				return err
			case c.Format == "json":
				return printJSON(read)
			}
			return printUnchanged(read.Message)
		}
		event, err := operator.ShowEvent.Do(ctx, f, operator.EventRef{Event: c.Event})
		switch {
		case err != nil:
			return err
		case c.Format == "json":
			return printJSON(event)
		}
		return printMarked(shownEvent(event))
	})
}

// shownEvent writes an event for people.
func shownEvent(e operator.ShownEvent) []marked {
	title := fmt.Sprintf("Event %d: %s (%s)", e.Event, e.EventType, e.Kind)
	if e.Display != "" {
		title = fmt.Sprintf("Event %d: %s, %s (%s)", e.Event, e.Display, e.EventType, e.Kind)
	}
	lines := []marked{{text: title}}
	add := func(indent int, format string, a ...any) {
		lines = append(lines, marked{indent: indent, text: fmt.Sprintf(format, a...)})
	}
	add(2, "MessageHeader.id %s", e.MessageID)
	add(2, "accepted %s from the system %s, %d bytes", e.Accepted.UTC().Format("2006-01-02 15:04:05 UTC"), e.Publisher, e.Size)
	if e.Note != "" {
		add(2, "%s", e.Note)
	}
	n := counted(len(e.Copies), "copy")
	if len(e.Copies) != 1 {
		n = strconv.Itoa(len(e.Copies)) + " copies"
	}
	if e.More {
		n += " and more (nems deliveries list lists all)"
	}
	add(2, "%s", n)
	for _, c := range e.Copies {
		add(4, "%s: %s since %s, delivery %s", c.Mailbox, c.State, c.At.UTC().Format("2006-01-02 15:04:05 UTC"), c.ID)
		if c.Error != "" || c.ErrorCode != "" {
			add(6, "%s %s", c.ErrorCode, c.Error)
		}
	}
	return lines
}
