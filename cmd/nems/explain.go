package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"nems/internal/operator"
)

// explainCmd answers why an event reached a subscription, or not.
type explainCmd struct {
	Event        string  `arg:"" optional:"" help:"The event: its number, its MessageHeader.id, or the MESH message id or local id of one of its copies."`
	Message      string  `type:"existingfile" env:"-" help:"Instead of an event: a message in a file. Says who would get it, and publishes nothing."`
	Subscription string  `env:"-" help:"Only this subscription: its id."`
	Mailbox      string  `env:"-" help:"Only the subscriptions of this mailbox."`
	Patient      string  `env:"-" enum:",-" default:"" help:"Only the subscriptions to one patient: - reads the NHS number from standard input, which keeps it out of the shell's history."`
	Since        instant `env:"-" help:"How far back to look for a MessageHeader.id: a moment, a date, or how long ago (36h)."`
	Format       string  `enum:"text,json" default:"text" help:"text or json."`
	operated
}

// Run prints the event and, for each subscription, what decided.
func (c *explainCmd) Run(ctx context.Context) error {
	if (c.Event == "") == (c.Message == "") {
		return errors.New("give an event, or a message with --message")
	}
	if c.Patient == "-" {
		var err error
		if c.Patient, err = typedPatient(); err != nil {
			return err
		}
	}
	explain, err := c.question()
	if err != nil {
		return err
	}
	return c.with(func(f operator.Face) error {
		all, err := explain(ctx, f)
		if err != nil {
			return err
		}
		if c.Format == "json" {
			return printJSON(all)
		}
		return printMarked(explained(all))
	})
}

// question returns what asks for all pages of the answer.
func (c *explainCmd) question() (func(context.Context, operator.Face) (operator.Explained, error), error) {
	if c.Message == "" {
		q := operator.Matching(operator.EventQuestion{Event: c.Event, Since: c.Since.Time, Subscription: c.Subscription, Mailbox: c.Mailbox, Patient: c.Patient})
		return func(ctx context.Context, f operator.Face) (operator.Explained, error) {
			return allExplained(ctx, f, operator.ExplainEvent, q)
		}, nil
	}
	text, err := os.ReadFile(c.Message)
	q := operator.Matching(operator.MessageQuestion{Message: string(text), Subscription: c.Subscription, Mailbox: c.Mailbox, Patient: c.Patient})
	return func(ctx context.Context, f operator.Face) (operator.Explained, error) {
		return allExplained(ctx, f, operator.ExplainMessage, q)
	}, err
}

// mostExplained limits how many subscriptions are printed.
const mostExplained = 10_000

// allExplained follows the pages of an explanation.
func allExplained[Q any](ctx context.Context, f operator.Face, v *operator.Verb[operator.Search[Q], operator.Explained], q operator.Search[Q]) (operator.Explained, error) {
	all, err := v.Do(ctx, f, q)
	for next := all.Next; err == nil && next != ""; {
		var page operator.Explained
		q.After = next
		if page, err = v.Do(ctx, f, q); err != nil {
			return all, err
		}
		all.Subscriptions = append(all.Subscriptions, page.Subscriptions...)
		if next = page.Next; len(all.Subscriptions) > mostExplained {
			return all, fmt.Errorf("more than %d subscriptions: ask for one with --subscription, or for a mailbox with --mailbox", mostExplained)
		}
	}
	all.Next = ""
	return all, err
}

// explained writes an explanation for people.
func explained(e operator.Explained) []marked {
	lines := explainedEvent(e.Event)
	matched := 0
	for _, s := range e.Subscriptions {
		if s.Matched {
			matched++
		}
	}
	summary := "No subscription shares a patient or place with it, and no copy of it names one."
	if n := len(e.Subscriptions); n > 0 {
		summary = fmt.Sprintf("%d of %s matched.", matched, counted(n, "subscription"))
	}
	lines = append(lines, marked{}, marked{text: summary})
	for _, s := range e.Subscriptions {
		lines = append(append(lines, marked{}), explainedSubscription(s)...)
	}
	return lines
}

func explainedEvent(e operator.ExplainedEvent) []marked {
	title := "A message that is not published: " + e.EventType
	if e.Event != 0 {
		title = "Event " + strconv.FormatInt(e.Event, 10) + ": " + e.EventType
	}
	lines := []marked{{text: title + " (" + e.Kind + ")"}}
	add := func(format string, a ...any) {
		lines = append(lines, marked{indent: 2, text: fmt.Sprintf(format, a...)})
	}
	add("MessageHeader.id %s", e.MessageID)
	if e.Event != 0 {
		add("accepted %s from the system %s", e.Accepted.UTC().Format("2006-01-02 15:04:05 UTC"), e.Publisher)
	}
	for _, f := range e.Facts {
		if f.Name != "" {
			f.Fact += ", " + f.Name
		}
		add("%s: %s", f.Criterion, f.Fact)
	}
	if e.Note != "" {
		add("%s", e.Note)
	}
	return lines
}

func explainedSubscription(s operator.ExplainedSubscription) []marked {
	verdict, sign := "did not match", cross
	if s.Matched {
		verdict, sign = "matched", tick
	}
	title := "subscription " + s.ID
	if s.ODS != "" {
		title += " of " + string(s.ODS)
	}
	if s.Mailbox != "" {
		title += ", mailbox " + s.Mailbox
	}
	lines := []marked{{mark: sign, text: title + ": " + verdict}}
	if s.AsksFor != "" {
		lines = append(lines, marked{indent: 2, text: "asks for " + s.AsksFor})
	}
	for _, c := range s.Criteria {
		sign := cross
		if c.Holds {
			sign = tick
		}
		lines = append(lines, marked{sign, 2, fmt.Sprintf("%s: %s (wanted: %s)", c.Criterion, c.Fact, c.Wanted)})
	}
	if c := s.Copy; c.ID != "" {
		lines = append(lines, marked{indent: 2, text: copyLine(c)})
	}
	if s.Note != "" {
		lines = append(lines, marked{indent: 2, text: s.Note})
	}
	return lines
}

// copyLine says what became of the copy, and for whom else it is.
func copyLine(c operator.ExplainedCopy) string {
	switch {
	case !c.Names:
		return "The mailbox has a copy for " + counted(c.With, "other subscription") + ", which " + c.Told + "."
	case c.With > 0:
		return "The copy, one for this and " + counted(c.With, "other subscription") + " of the mailbox, " + c.Told + "."
	}
	return "The copy " + c.Told + "."
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
