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
	// Mailbox, Password and SharedKey are used to sign the token of every request.
	Mailbox, Password, SharedKey string
	// HTTP makes the calls (only its Transport is used); nil means a client
	// that trusts the system's certificates.
	HTTP *http.Client

	// OwnASIDs are the ASIDs that this organisation publishes with. Their
	// events are marked Own.
	OwnASIDs []string
	// Senders are the mailboxes that NEMS sends from; none means NEMSMailbox. A
	// message from any other mailbox is not an event, whatever it contains: it is
	// handed over as Other, and if it reads as an event its Problem is ErrSender.
	// Anybody can send to a mailbox, so use AnySender only where nobody else can.
	Senders []string
	// Memory recognises repeats and the order of events; nil means a memory
	// that is lost with the Receiver.
	Memory Memory
	// EveryCopy recognises repeats by the MESH message id alone: an event that
	// was published or delivered twice is then handed over twice.
	EveryCopy bool
	// EveryVersion also hands over an event about a thing when a newer one about
	// the same thing was handled before; Message.Effect is then Keep. Otherwise
	// such an event is acknowledged and discarded.
	EveryVersion bool
	// Audit records every message and what became of it; nil means no record.
	Audit *Audit
	// Keep leaves every message in the mailbox and remembers none, for looking
	// at a mailbox without emptying it. One Receiver hands over each message
	// once.
	Keep bool

	// Poll is the time between two looks into the mailbox; 0 means 5 minutes,
	// the shortest that MESH allows ("Check an inbox").
	Poll time.Duration
	// Attempts is how often the Handler gets a message before the message
	// counts as poison; 0 means 5.
	Attempts int
	// Backoff is the wait before the second attempt. Each further wait is twice
	// as long, up to 5 minutes. 0 means one second.
	Backoff time.Duration
	// SetAside is the folder for poison messages; it is created when needed. ""
	// leaves them in the mailbox, and they are tried again an hour later.
	SetAside string
	// MaxBody is the largest body in bytes, after decompression; 0 means 64
	// MiB. A larger message stays in the mailbox until MESH returns it to its
	// sender as uncollected, because part of a message is of no use.
	MaxBody int64
	// Ahead is how many messages are downloaded at once while the Handler works
	// on an earlier one; 0 means 4. Messages are handed over in order.
	Ahead int
	// Timeout bounds each call to MESH; 0 means 2 minutes.
	Timeout time.Duration
	// Grace is how long a Handler may go on after the Receiver was told to
	// stop. Then its context ends. 0 means 10 seconds.
	Grace time.Duration

	// Logger gets one line for each problem; nil means no log.
	Logger *slog.Logger
	// Observe is called once for each message, with its outcome. It is for
	// metrics and tests; the record is Audit. err is nil unless the outcome is
	// Left, Ignored or Aside. A nil Observe is not called.
	Observe func(m Message, o Outcome, err error)
	// Now and Wait are the clock; nil means the system's. Wait returns ctx's
	// error when ctx ends first. Both must be safe for concurrent use.
	Now  func() time.Time
	Wait func(ctx context.Context, d time.Duration) error
}

// Handler takes one message. When it returns nil, the message is acknowledged and
// not shown again, so whatever must be kept has to be on disk by then. An error
// means another attempt later, unless it is marked by Permanent or Ignore. The
// error's text goes to the log, to the audit and into the file beside a message
// that is set aside: keep patients' data out of it.
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

// Values for Config.Senders.
const (
	NEMSMailbox = "X26NEMS" // the mailbox that nems serve sends from by default
	AnySender   = "*"       // every sender is believed
)

// Errors of this package, for errors.Is.
var (
	// ErrPermanent marks an error that another attempt would not remove.
	ErrPermanent = errors.New("permanent")
	// ErrIgnored marks a message that the Handler has no use for.
	ErrIgnored = errors.New("ignored")
	// ErrFailing says that several messages in a row could not be collected, so
	// the cause is not a single message.
	ErrFailing = errors.New("several messages in a row failed")
	// ErrSender says that a message reads as an event but comes from a mailbox that
	// is not in Config.Senders. Do not believe it. A Handler that cannot tell what
	// the message is returns Permanent(m.Problem), so that the message is set aside
	// or left.
	ErrSender = errors.New("not an event message: it comes from another mailbox than those in Config.Senders")
	// ErrTooLarge says that a body is larger than Config.MaxBody.
	ErrTooLarge = errors.New("the message is larger than this receiver takes")
	// ErrNotReturned says that the process ended while the Handler had the
	// message, in every one of the allowed attempts.
	ErrNotReturned = errors.New("the handler never returned from this message")
)

// Permanent marks a Handler's error: the message is set aside at once, without further attempts.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrPermanent, err)
}

// Ignore is for a Handler that has no use for a message, for instance because the
// patient is not its own. The message is acknowledged and the audit records the
// reason. A nil reason records none. An ignored event still counts as seen: older
// events about the same thing are superseded.
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
	keptFor     = 365 * 24 * time.Hour // Config.Keep: longer than the 5 days for which MESH keeps a message
	inARow      = 3                    // so many failures in a row are not the fault of the messages
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

// or returns v if it is positive, otherwise d.
func or[T ~int | ~int64](v, d T) T {
	if v > 0 {
		return v
	}
	return d
}

// wait waits by the system's clock.
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
