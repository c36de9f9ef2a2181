package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"golang.org/x/term"

	"nems/client"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/plain"
	"nems/internal/store"
)

// streamFlags are what subscribe --stream needs to know.
type streamFlags struct {
	Stream bool   `env:"-" help:"Print the events as they come, until interrupted, instead of having copies put into a mailbox. On the service's own machine the endpoint that this needs is registered if it is not there."`
	Data   string `default:"nems-data" type:"path" help:"Data folder of the service, for --stream and --webhook."`
}

// feed is the id of the endpoint that an organisation reads with --stream.
func feed(ods string) string { return "STREAM-" + ods }

// follow prints the events of the subscription as they come. What was printed is
// acknowledged when somebody interrupts, so that the next time begins behind it.
func (s *subscribeCmd) follow(ctx context.Context, c *client.Client, wanted client.Subscription) error {
	wanted.Mailbox = feed(s.ODS)
	if err := s.registerFeed(ctx); err != nil {
		return err
	}
	created, err := c.Subscribe(ctx, wanted)
	id := existing(err)
	switch {
	case id != "": // as it was the last time
	case err != nil:
		return fmt.Errorf("%w\nThe events go to the endpoint %s, which the service's operators register with nems endpoints add --channel stream --ods %s %[2]s", err, wanted.Mailbox, s.ODS)
	default:
		id = created.ID
	}
	fmt.Fprintf(stderr(), "subscription %s; events are shown as they come\n", plain.Line(id))
	out := &streamWriter{w: os.Stdout, table: term.IsTerminal(int(os.Stdout.Fd()))} //nolint:gosec // a descriptor
	return out.all(ctx, c, id)
}

// registerFeed registers the endpoint, if the service of the data folder is asked from
// its own machine.
func (s *subscribeCmd) registerFeed(ctx context.Context) error {
	if _, err := operator.ReadAccess(s.Data); err != nil {
		return nil //nolint:nilerr // then its operators do
	}
	ods, err := nhs.ParseODSCode(s.ODS)
	if err != nil {
		return fmt.Errorf("--ods: %w", err)
	}
	return operated{Data: s.Data, tlsFiles: s.tlsFiles}.with(func(d operator.Face) error {
		_, err := operator.ShowEndpoint.Do(ctx, d, operator.EndpointRef{ID: feed(s.ODS)})
		if errors.Is(err, store.ErrNotFound) {
			_, err = operator.PutEndpoint.Do(ctx, d, operator.Endpoint{ID: feed(s.ODS), ODS: ods, Channel: store.StreamChannel, Name: "nems subscribe --stream"})
		}
		return err
	})
}

var duplicate = regexp.MustCompile(`already exists : ([0-9a-f]{32})`)

// existing returns the id of the subscription that a refusal says is there already.
func existing(err error) string {
	var refused *client.Error
	if !errors.As(err, &refused) {
		return ""
	}
	for _, issue := range refused.Issues {
		if found := duplicate.FindStringSubmatch(issue.Diagnostics); found != nil {
			return found[1]
		}
	}
	return ""
}

// streamRow is what is shown of an event, or of a gap: nothing about its patient.
type streamRow struct {
	Place  string        `json:"place"`
	Number uint64        `json:"number,omitempty"`
	Time   time.Time     `json:"time,omitzero"`
	Event  *client.Event `json:"event,omitempty"`
	Gap    *client.Gap   `json:"gap,omitempty"`
}

// streamWriter prints events as they come: rows of a table, or JSON lines.
type streamWriter struct {
	w      io.Writer
	table  bool
	headed bool
}

// all prints the events of a subscription until ctx ends, and then acknowledges them.
func (o *streamWriter) all(ctx context.Context, c *client.Client, id string) (err error) {
	var last client.Numbered
	for n, failed := range c.Stream(ctx, id, "") {
		if failed == nil {
			failed = o.print(n)
		}
		if err = failed; err != nil {
			break
		}
		last = n
	}
	if last.Place == "" {
		return err
	}
	over, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	epoch, number, unread := client.ReadPlace(last.Place)
	if unread == nil {
		_, unread = c.Ack(over, id, epoch, number)
	}
	return errors.Join(err, unread)
}

const streamTable = "%-10s %-20s %-38s %-7s %s\n"

func (o *streamWriter) print(n client.Numbered) error {
	if !o.table {
		return encoder(o.w).Encode(streamRow(n))
	}
	if !o.headed {
		o.headed = true
		fmt.Fprintf(o.w, streamTable, "NUMBER", "TIME", "EVENT", "KIND", "MESSAGE")
	}
	w, at := plain.Writer(o.w), n.Time.Local().Format(time.DateTime)
	var err error
	switch {
	case n.Gap != nil:
		_, err = fmt.Fprintf(w, "%-10s events up to here are missing: %s\n", fmt.Sprint(n.Gap.Next), plain.Line(n.Gap.Reason))
	case n.Event == nil:
		_, err = fmt.Fprintf(w, streamTable, fmt.Sprint(n.Number), at, "no longer kept", "", "")
	default:
		_, err = fmt.Fprintf(w, streamTable, fmt.Sprint(n.Number), at, plain.Line(n.Event.EventType), plain.Line(n.Event.Kind), plain.Line(n.Event.ID))
	}
	return err
}
