package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"nems/internal/plain"
	"nems/internal/store"
	"nems/internal/subscription"
)

// Wish is what somebody wants to be replayed.
type Wish struct {
	// From is Oldest, a moment (RFC 3339) or the number of an event in the
	// subscription's count, Until one of the latter two or "": up to now. Both
	// bounds belong to the range.
	From, Until string
	Mode        store.ReplayMode // "" is store.ReplayAll
	To          string           // another mailbox or endpoint of the owner; "" is the subscription's own
	Rate        int              // copies a second; 0 is DefaultRate
	Basis       string           // why it may be done
	Earlier     bool             // an operator's grant: from before the subscription's start too
}

// Oldest asks for all that is kept.
const Oldest = "oldest"

// WishError says what is wrong with a wish.
type WishError struct{ Field, Expected string }

func (e *WishError) Error() string { return e.Field + ": expected " + e.Expected }

// GoneError says that a range begins before what is kept.
type GoneError struct {
	Since time.Time // from here on everything is kept
	// First and Last are the oldest and the latest number that is kept, where a number
	// was asked for.
	First, Last uint64
}

func (e *GoneError) Error() string {
	since := e.Since.UTC().Format(time.RFC3339)
	if e.First > 0 {
		since += fmt.Sprintf(", with the numbers %d to %d", e.First, e.Last)
	}
	return fmt.Sprintf("events are kept since %s, and the range begins earlier: begin there, or with %s", since, Oldest)
}

// StateError says that a subscription or a replay is not in a state for it.
type StateError struct{ Why string }

func (e *StateError) Error() string { return e.Why }

// mostBasis is how many characters a basis has at most.
const mostBasis = 200

// tenDigits finds what may be an NHS number, written together or in groups.
var tenDigits = regexp.MustCompile(`\b\d{3}[ -]?\d{3}[ -]?\d{4}\b`)

// Plan makes of a wish the replay that would be started, or one of the errors of
// this package. The high-water mark is now: what is accepted later flows by itself.
func Plan(ctx context.Context, s Store, of subscription.Subscription, w Wish, now time.Time) (r store.Replay, err error) {
	if err := w.check(); err != nil {
		return r, err
	}
	if of.Suspended {
		return r, &StateError{of.Error}
	}
	if of.Status != subscription.Active || of.Ended(now) {
		return r, &StateError{"the subscription is not active: what it may have is judged today"}
	}
	own, err := s.Mailbox(ctx, of.Mailbox)
	if err != nil {
		return r, err
	}
	r = store.Replay{
		Subscription: of.ID, ODS: of.ODS, Source: own.Row, Target: own.Row, Mode: cmp.Or(w.Mode, store.ReplayAll), Rate: cmp.Or(w.Rate, DefaultRate),
		Earlier: w.Earlier, Basis: strings.TrimSpace(w.Basis), Began: now, Mark: s.NextPosition(),
	}
	if w.To != "" {
		if r.Target, err = target(ctx, s, of, w.To); err != nil {
			return r, err
		}
	}
	if err := readable(ctx, s, r.Target); err != nil {
		return r, err
	}
	if r.First, err = first(ctx, s, of, w); err != nil {
		return r, err
	}
	if w.Until != "" {
		end, err := last(ctx, s, of, w.Until)
		if err != nil {
			return r, err
		}
		r.Mark = min(r.Mark, end)
	}
	if r.Mark < r.First {
		return r, &WishError{"until", "a place that is not before from"}
	}
	return r, nil
}

func (w Wish) check() error {
	basis := strings.TrimSpace(w.Basis)
	switch n := utf8.RuneCountInString(basis); {
	case n == 0 || n > mostBasis:
		return &WishError{"basis", fmt.Sprintf("1 to %d characters", mostBasis)}
	case plain.Line(basis) != basis:
		return &WishError{"basis", "a text on one line that can be printed"}
	case tenDigits.MatchString(basis):
		return &WishError{"basis", "a text that names no patient"}
	case w.Mode != "" && w.Mode != store.ReplayAll && w.Mode != store.ReplayLatest:
		return &WishError{"mode", "all or latest"}
	case w.Rate < 0 || w.Rate > MostRate:
		return &WishError{"rate", fmt.Sprintf("1 to %d copies a second", MostRate)}
	}
	return nil
}

// target finds another mailbox or endpoint of the subscription's owner.
func target(ctx context.Context, s Store, of subscription.Subscription, id string) (int64, error) {
	box, err := s.Mailbox(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, err
	}
	if err != nil || box.ODS != of.ODS {
		return 0, &WishError{"to", "a mailbox or endpoint of the subscription's organisation"}
	}
	return box.Row, nil
}

// readable refuses a stream: its readers have all that is kept, by its number, and
// nothing that was put there again would reach them.
func readable(ctx context.Context, s Store, target int64) error {
	e, err := s.Endpoint(ctx, target)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil // a mailbox
	case err == nil && e.Channel == store.StreamChannel:
		return &StateError{"the events of a stream can be read again without a replay: its reader names the place to begin behind, in Last-Event-ID or in after"}
	}
	return err
}

// first is where the range begins.
func first(ctx context.Context, s Store, of subscription.Subscription, w Wish) (store.EventID, error) {
	kept, start := s.Position(s.KeptSince()), s.Position(of.Created)
	if w.From == Oldest {
		if w.Earlier {
			return kept, nil
		}
		return max(kept, start), nil
	}
	if n, ok := number(w.From); ok {
		return firstNumber(ctx, s, of, n)
	}
	at, err := time.Parse(time.RFC3339Nano, w.From)
	from := s.Position(at)
	switch {
	case err != nil:
		return 0, &WishError{"from", Oldest + ", a number, or a moment such as 2026-03-01T09:00:00Z"}
	case from < start && !w.Earlier:
		return 0, &WishError{"from", "nothing before the subscription's start at " + of.Created.UTC().Format(time.RFC3339) + ", but for an operator's grant"}
	case from < kept:
		return 0, &GoneError{Since: s.KeptSince()}
	}
	return from, nil
}

// firstNumber is where a range begins that begins with a number.
func firstNumber(ctx context.Context, s Store, of subscription.Subscription, n uint64) (store.EventID, error) {
	span, err := s.NumberedSpan(ctx, of.ID, n, math.MaxUint64)
	if err != nil || span.Least == n {
		return span.First, err
	}
	kept, err := s.Counting(ctx, of.ID)
	switch {
	case err != nil:
		return 0, err
	case kept.Last == 0:
		return 0, &WishError{"from", Oldest + ", or a moment: the subscription has counted no event"}
	case kept.First == 0:
		return 0, &WishError{"from", fmt.Sprintf("%s, or a moment: the subscription has counted to %d, and none of these events is kept", Oldest, kept.Last)}
	case span.Least == 0:
		return 0, &WishError{"from", fmt.Sprintf("a number from %d to %d, which are kept, or %s", kept.First, kept.Last, Oldest)}
	}
	return 0, &GoneError{s.KeptSince(), span.Least, kept.Last}
}

// last is where the range ends.
func last(ctx context.Context, s Store, of subscription.Subscription, until string) (store.EventID, error) {
	if n, ok := number(until); ok {
		span, err := s.NumberedSpan(ctx, of.ID, 1, n)
		if err == nil && span.Least == 0 {
			err = &WishError{"until", "a number that the subscription has counted"}
		}
		return span.Last, err
	}
	at, err := time.Parse(time.RFC3339Nano, until)
	if err != nil {
		return 0, &WishError{"until", "a number, or a moment such as 2026-03-01T09:00:00Z"}
	}
	return s.Position(at.Add(time.Microsecond)) - 1, nil
}

// number reads the number of an event, from 1.
func number(text string) (uint64, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil && n > 0
}

// Count tells what a replay would look at.
func Count(ctx context.Context, s Pages, r store.Replay, moment func(store.EventID) time.Time) (Tally, error) {
	out, days := Tally{}, map[Day]struct{ copies, waiting int64 }{}
	err := walk(ctx, s, r, func(c store.ReplayCopy) error {
		day := Day{Date: moment(c.Event).UTC().Format(time.DateOnly), Code: c.Code}
		n := days[day]
		switch {
		case waits(&r, &c):
			out.Waiting++
			n.waiting++
		case passes(&r, &c) == nil:
			out.Total++
			n.copies++
		default:
			return nil
		}
		days[day] = n
		return nil
	})
	for day, n := range days {
		day.Copies, day.Waiting = n.copies, n.waiting
		out.Days = append(out.Days, day)
	}
	slices.SortFunc(out.Days, func(a, b Day) int { return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.Code, b.Code)) })
	return out, err
}

// walk looks at all copies of a replay's range.
func walk(ctx context.Context, s Pages, r store.Replay, each func(store.ReplayCopy) error) error {
	for r.Cursor = r.First - 1; ; {
		page, err := s.ReplayPage(ctx, r, countPage)
		if err != nil {
			return err
		}
		for _, c := range page.Copies {
			if err := each(c); err != nil {
				return err
			}
		}
		if page.End {
			return nil
		}
		r.Cursor = page.Cursor
	}
}

// passes says by what its state says that a copy is not given again; nil for one
// that may be.
func passes(r *store.Replay, c *store.ReplayCopy) *store.ReplayCounts {
	switch {
	case c.Lost:
		return &store.ReplayCounts{Expired: 1}
	case c.State == store.Withheld: // what was sent is replayed, not what might have been
		return &store.ReplayCounts{Withheld: 1}
	case c.State == store.Parked, waits(r, c):
		return &store.ReplayCounts{Passed: 1}
	}
	return nil
}

// waits reports whether a copy comes by itself, because it waits where it would be put.
func waits(r *store.Replay, c *store.ReplayCopy) bool {
	return !c.Lost && c.State == store.Waiting && r.Target == r.Source
}
