package receiver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"nems/internal/mesh"
)

// Receiver collects from one mailbox. Use it from one goroutine. Several
// Receivers on one mailbox would hand messages over twice.
type Receiver struct {
	config Config
	mesh   *mesh.Client
	// held are the messages left in the mailbox, and when each is to be left alone.
	held map[string]span
	// failures counts the messages that failed since the last success, over all
	// rounds. While it is high nothing is set aside.
	failures int
}

// span is a period of time. When the clock was ahead and is put right, it stands
// before the spans that began meanwhile, so those no longer hold a message.
type span struct{ from, until time.Time }

func (s span) has(now time.Time) bool { return !now.Before(s.from) && now.Before(s.until) }

// hold leaves a message alone for d.
func (r *Receiver) hold(id string, d time.Duration) {
	now := r.config.Now()
	r.held[id] = span{now, now.Add(d)}
}

// Tally counts the outcomes of the messages of one Collect.
type Tally struct {
	Handled, Repeats, Superseded, Ignored, Aside, Left int
}

func (t *Tally) count(o Outcome) {
	switch o {
	case Handled:
		t.Handled++
	case Repeat:
		t.Repeats++
	case Superseded:
		t.Superseded++
	case Ignored:
		t.Ignored++
	case Aside:
		t.Aside++
	case Left:
		t.Left++
	}
}

// New returns a Receiver. It makes no call; it fails when the URL cannot be used.
func New(c Config) (*Receiver, error) {
	c.setDefaults()
	if c.Memory == nil {
		m, err := OpenMemory("", MemoryOptions{Now: c.Now})
		if err != nil {
			return nil, err
		}
		c.Memory = m
	}
	config := mesh.ClientConfig{
		URL: c.URL, Mailbox: c.Mailbox, Password: c.Password, SharedKey: []byte(c.SharedKey), Now: c.Now,
	}
	if c.HTTP != nil {
		config.Transport = c.HTTP.Transport
	}
	client, err := mesh.NewClient(config)
	if err != nil {
		return nil, err
	}
	return &Receiver{config: c, mesh: client, held: map[string]span{}}, nil
}

// Run collects until ctx ends, and then returns nil once the Handler has
// returned. It looks into the mailbox every Config.Poll, at once while more
// messages wait, and less often while MESH or the Handler fail. It returns an
// error only when MESH refuses the mailbox, its password or the shared key at
// the start, or when the Memory or the Audit fails.
func (r *Receiver) Run(ctx context.Context, h Handler) error {
	var hello time.Time
	failed := 0
	for {
		err := r.hello(ctx, &hello)
		if err != nil && hello.IsZero() && refused(err) {
			return err
		}
		more := false
		if err == nil {
			_, more, err = r.collect(ctx, h, roundSize)
		}
		switch {
		case ctx.Err() != nil:
			return nil // we were told to stop, and err only repeats that
		case errors.As(err, new(memoryError)):
			return err
		case err != nil:
			failed++
			r.config.Logger.Warn("collecting failed, trying again later", "error", err, "in_a_row", failed)
		default:
			failed = 0
		}
		if more {
			continue
		}
		if r.config.Wait(ctx, r.pause(failed)) != nil {
			return nil
		}
	}
}

// roundSize limits what Run remembers of one look into the mailbox.
const roundSize = 10_000

// pause is the time until the next look. It doubles with each failure, up to
// six times Config.Poll or longestWait, whichever is longer.
func (r *Receiver) pause(failed int) time.Duration {
	d := r.config.Poll
	for range min(failed-1, 10) {
		d *= 2
	}
	return min(d, max(6*r.config.Poll, longestWait))
}

// hello validates the mailbox once a day, as MESH asks of clients.
func (r *Receiver) hello(ctx context.Context, last *time.Time) error {
	now := r.config.Now()
	if !last.IsZero() && now.Sub(*last) < helloEvery {
		return nil
	}
	if err := r.try(ctx, r.mesh.Handshake); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	*last = now
	return nil
}

// Collect empties the mailbox once and returns when nothing new is left in it:
// every message was handled, or is to be left for now. It returns ErrFailing
// when several messages in a row could not be collected, the error of MESH when
// MESH fails, and ctx's error when ctx ends.
func (r *Receiver) Collect(ctx context.Context, h Handler) (Tally, error) {
	if err := r.try(ctx, r.mesh.Handshake); err != nil {
		return Tally{}, fmt.Errorf("handshake: %w", err)
	}
	tally, _, err := r.collect(ctx, h, 0)
	return tally, err
}

// collect goes through the mailbox until a look finds no new message. With a
// limit it stops once that many messages were seen, and more is then true.
func (r *Receiver) collect(ctx context.Context, h Handler, limit int) (t Tally, more bool, err error) {
	round := &round{Receiver: r, handler: h, tally: &t, seen: map[string]bool{}}
	for {
		fresh, err := round.pages(ctx)
		if err != nil {
			return t, false, err
		}
		maps.DeleteFunc(r.held, func(id string, _ span) bool { return !round.seen[id] })
		if fresh == 0 || r.config.Keep {
			return t, false, nil
		}
		if limit > 0 && len(round.seen) >= limit && t.Handled+t.Superseded+t.Ignored+t.Aside > 0 {
			return t, true, nil
		}
	}
}

// try makes a call to MESH up to four times, as long as the error may be temporary.
func (r *Receiver) try(ctx context.Context, call func(context.Context) error) error {
	pause := 200 * time.Millisecond
	for n := 1; ; n++ {
		err := r.once(ctx, call)
		if err == nil || ctx.Err() != nil || n == netTries || !mesh.Temporary(err) || errors.Is(err, ErrTooLarge) {
			return err
		}
		if stopped := r.config.Wait(ctx, pause); stopped != nil {
			return stopped
		}
		pause *= 3
	}
}

func (r *Receiver) once(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, r.config.Timeout)
	defer cancel()
	return call(ctx)
}

// refused reports whether MESH has answered and will not answer otherwise next time.
func refused(err error) bool {
	var e *mesh.Error
	return errors.As(err, &e) && !e.Temporary()
}

// memoryError marks errors of the Memory or the Audit. Going on after one would
// repeat messages, lose them or leave them unrecorded.
type memoryError struct{ error }

func (e memoryError) Unwrap() error { return e.error }

func (e memoryError) Error() string { return "receiver memory or audit: " + e.error.Error() }

func remembered(err error) error {
	if err == nil {
		return nil
	}
	return memoryError{err}
}
