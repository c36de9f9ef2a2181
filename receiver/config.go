package receiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	visible "nems/internal/plain"
)

// Config says which mailbox to collect from, and how. URL, Mailbox, Password
// and SharedKey are required.
type Config struct {
	// URL is the MESH's address: scheme, host and port.
	URL string
	// Mailbox, Password and SharedKey make the token of every request.
	Mailbox, Password, SharedKey string
	// HTTP makes the calls (its Transport is used); nil means one with the
	// system's certificates.
	HTTP *http.Client

	// OwnASIDs are the ASIDs that this organisation publishes with: events from
	// them are marked Own.
	OwnASIDs []string
	// Senders are the mailboxes that NEMS sends from; none means NEMSMailbox.
	// Messages of others are no events, whatever is in them: they are handed over
	// as Other, and one that reads as an event has the Problem ErrSender. Anybody
	// can send to a mailbox: put AnySender here only where nobody else can.
	Senders []string
	// Memory recognises repeats and order; nil means one that ends with the
	// Receiver.
	Memory Memory
	// EveryCopy recognises repeats by the MESH message id alone: an event that
	// was published or delivered twice is handed over twice.
	EveryCopy bool
	// EveryVersion hands over an event about a thing also when a newer one about
	// the same thing was handled before: Message.Effect is then Keep. Otherwise it
	// is acknowledged and discarded.
	EveryVersion bool
	// Audit records every message and what became of it; nil means no record.
	Audit *Audit
	// Keep leaves every message in the mailbox and remembers none: for looking.
	// Each is handed over once by one Receiver.
	Keep bool

	// Poll is the time between two looks into the mailbox; 0 means 5 minutes,
	// the shortest that MESH allows ("Check an inbox").
	Poll time.Duration
	// Attempts is how often the Handler gets a message before it is poison;
	// 0 means 5.
	Attempts int
	// Backoff is the wait before the second attempt; each further one doubles
	// it, up to 5 minutes. 0 means one second.
	Backoff time.Duration
	// SetAside is the folder for poison messages; it is made when needed. ""
	// leaves them in the mailbox, to be tried again an hour later.
	SetAside string
	// MaxBody is the largest body in bytes, unpacked; 0 means 64 MiB. A larger
	// message stays in the mailbox, until MESH returns it to its sender as
	// uncollected: it can neither be handed over nor be kept in part.
	MaxBody int64
	// Ahead is how many messages are downloaded at once, while the Handler has
	// the one before them; 0 means 4. They are handed over in their order.
	Ahead int
	// Timeout bounds each call to MESH; 0 means 2 minutes.
	Timeout time.Duration
	// Grace is how long a Handler may go on after the Receiver was told to
	// stop; then its context ends. 0 means 10 seconds.
	Grace time.Duration

	// Logger gets one line for whatever goes wrong; nil means none.
	Logger *slog.Logger
	// Observe is called once for each message seen, with what became of it, for
	// metrics and tests; Audit is the record. err is nil unless the outcome is
	// Left, Ignored or Aside. nil means nobody.
	Observe func(m Message, o Outcome, err error)
	// Now and Wait are the clock; nil means the system's. Wait returns ctx's
	// error when ctx ends first. Both must be safe for concurrent use.
	Now  func() time.Time
	Wait func(ctx context.Context, d time.Duration) error
}

// Handler takes one message. When it returns nil the message is acknowledged
// and not shown again: what is to be kept must be on disk by then. An error
// means another attempt later, or none if it is Permanent or Ignore. Its text goes
// to the log, the audit and beside a message set aside: keep patients' data out.
type Handler func(ctx context.Context, m Message) error

// Outcome says what became of a message.
type Outcome string

const (
	Handled    Outcome = "handled"    // the Handler returned nil; acknowledged
	Repeat     Outcome = "repeat"     // finished before; acknowledged, not handed over
	Superseded Outcome = "superseded" // a newer one about the same thing was handled; acknowledged
	Ignored    Outcome = "ignored"    // the Handler has no use for it; acknowledged
	Aside      Outcome = "aside"      // poison: written to the folder; acknowledged
	Left       Outcome = "left"       // still in the mailbox: failed, too large, or Config.Keep
)

// Whom Config.Senders names.
const (
	NEMSMailbox = "X26NEMS" // what nems serve sends from, unless it is told otherwise
	AnySender   = "*"       // everybody is believed
)

// Errors of this package, for errors.Is.
var (
	// ErrPermanent marks an error that no further attempt would mend.
	ErrPermanent = errors.New("permanent")
	// ErrIgnored marks a message that the Handler has no use for.
	ErrIgnored = errors.New("ignored")
	// ErrFailing: several messages in a row could not be collected, so the
	// fault is not a message's.
	ErrFailing = errors.New("several messages in a row failed")
	// ErrSender: a message that reads as an event comes from another mailbox than
	// those in Config.Senders. It is not to be believed: a Handler that cannot tell
	// what it is returns Permanent of it, so that it is set aside or left.
	ErrSender = errors.New("not an event message: it comes from another mailbox than those in Config.Senders")
	// ErrTooLarge: a body larger than Config.MaxBody.
	ErrTooLarge = errors.New("the message is larger than this receiver takes")
	// ErrNotReturned: the process ended while the Handler had the message, as
	// often as there are attempts.
	ErrNotReturned = errors.New("the handler never returned from this message")
)

// Permanent marks a Handler's error: the message is set aside at once.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrPermanent, err)
}

// Ignore is what a Handler returns that has no use for a message, a patient that
// is not its own for instance: the message is acknowledged and the audit says why.
// A nil reason gives none. An event that is ignored still counts: older ones about
// the same thing are superseded.
func Ignore(why error) error {
	if why == nil {
		return ErrIgnored
	}
	return fmt.Errorf("%w: %w", ErrIgnored, why)
}

const (
	longestWait = 5 * time.Minute
	helloEvery  = 24 * time.Hour // "Validate a mailbox": once a day
	heldFor     = time.Hour
	keptFor     = 365 * 24 * time.Hour // Config.Keep: MESH keeps it for 5 days
	inARow      = 3                    // failures that are no longer the messages' fault
	netTries    = 4
)

func (c *Config) setDefaults() {
	c.Poll = or(c.Poll, 5*time.Minute)
	c.Attempts = or(c.Attempts, 5)
	c.Backoff = or(c.Backoff, time.Second)
	c.Ahead = or(c.Ahead, 4)
	c.MaxBody = or(c.MaxBody, 64<<20)
	c.Timeout = or(c.Timeout, 2*time.Minute)
	c.Grace = or(c.Grace, 10*time.Second)
	if len(c.Senders) == 0 {
		c.Senders = []string{NEMSMailbox}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Logger = slog.New(visible.Handler(c.Logger.Handler()))
	if c.Observe == nil {
		c.Observe = func(Message, Outcome, error) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Wait == nil {
		c.Wait = wait
	}
}

// or returns v, or d where v is not positive.
func or[T ~int | ~int64](v, d T) T {
	if v > 0 {
		return v
	}
	return d
}

// wait is the system's clock.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
