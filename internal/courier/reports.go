package courier

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"nems/internal/mesh"
	"nems/internal/store"
)

const (
	// reportPage is how many messages of our own mailbox are listed at a time.
	// mostReportPages is how many pages one round reads: a MESH whose list never
	// ends must not delay later reports for ever.
	reportPage      = 500
	mostReportPages = 20
	// inARow is how many unreadable messages in a row end a round. Then the
	// messages are not the cause.
	inARow = 5
	// strangeFor is how long a message that is not a report is left alone.
	strangeFor = 24 * time.Hour
)

// reports is the state of collecting reports. It is used by one goroutine.
type reports struct {
	next string // continues the list if the last round did not reach its end
	held held
}

// collectReports looks for reports in our mailbox at the MESH until ctx ends.
// What one round cannot do, the next one does.
func (c *Courier) collectReports(ctx context.Context) {
	tick := time.NewTicker(c.Reports)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := c.reportRound(ctx); err != nil && ctx.Err() == nil {
				c.Log.Warn("collecting reports", "error", err)
			}
		}
	}
}

// reportRound records waiting reports with their deliveries: up to the end of
// the list, or up to a number of pages, after which the next round continues.
func (c *Courier) reportRound(ctx context.Context) error {
	r := &reportLook{Courier: c, seen: map[string]bool{}}
	defer r.tell()
	from := c.reports.next
	c.reports.next = "" // after an error the list starts from the beginning
	for range mostReportPages {
		in, err := c.listReports(ctx, mesh.ListQuery{Max: reportPage, Continue: from})
		if err != nil {
			return err
		}
		r.unreadable += in.Strange
		fresh, err := r.page(ctx, in.Messages)
		if err != nil || in.Next == "" || !fresh {
			return err
		}
		from = in.Next
	}
	c.reports.next = from
	return nil
}

// listReports lists a page of our mailbox, with a timeout.
func (c *Courier) listReports(ctx context.Context, q mesh.ListQuery) (mesh.Inbox, error) {
	ctx, cancel := context.WithTimeout(ctx, c.SendTimeout)
	defer cancel()
	return c.Client.List(ctx, q)
}

// reportLook is one round.
type reportLook struct {
	*Courier
	seen   map[string]bool
	failed int // in a row
	// Counted for one log line, because one line each could be as many as the MESH likes.
	strange, unreadable, unknown int
	first                        string // id of the first such message
}

// tell logs once which messages of a round could not be used.
func (r *reportLook) tell() {
	r.stats.reports.WithLabelValues("unreadable").Add(float64(r.unreadable))
	r.stats.reports.WithLabelValues("unknown").Add(float64(r.unknown))
	if r.strange+r.unreadable+r.unknown > 0 {
		r.Log.Warn("messages in our mailbox at the remote MESH could not be used", "no_reports", r.strange,
			"unreadable", r.unreadable, "about_nothing_we_keep", r.unknown, "first", r.first)
	}
}

// note counts a message that could not be used.
func (r *reportLook) note(count *int, id string) {
	*count++
	r.first = cmp.Or(r.first, id)
}

// page handles the messages of a list. It reports whether any of them was new
// in this round, because a MESH whose pages form a circle must not keep the
// round going.
func (r *reportLook) page(ctx context.Context, ids []string) (fresh bool, err error) {
	for _, id := range ids {
		if r.seen[id] {
			continue
		}
		r.seen[id], fresh = true, true
		if r.reports.held.has(id, r.Now()) {
			continue
		}
		if err := r.pass(r.takeReport(ctx, id), id); err != nil {
			return fresh, err
		}
	}
	return fresh, nil
}

// pass decides what the result for a message means. A message that cannot be
// handled is left alone for a while, so that it does not block those after it. An
// error ends the round.
func (r *reportLook) pass(err error, id string) error {
	switch s := status(err); {
	case err == nil, s == http.StatusNotFound, s == http.StatusGone: // gone: another node was faster
		r.failed = 0
		return nil
	case errors.Is(err, errStore), errors.Is(err, context.Canceled), s != 0 && meshDown(err):
		return err
	case s != 0 && !mesh.Temporary(err): // it will be refused again
		r.note(&r.unreadable, id)
		r.reports.held.add(id, r.Now(), strangeFor)
		r.failed = 0
		return nil
	}
	r.note(&r.unreadable, id)
	r.reports.held.add(id, r.Now(), r.MostBackoff)
	if r.failed++; r.failed >= inARow {
		return err
	}
	return nil
}

// errStore marks an error that the MESH did not cause.
var errStore = errors.New("a report could not be stored")

// takeReport records one message, if it is a report, and acknowledges it once
// the record is on disk. Any other message stays where it is.
func (r *reportLook) takeReport(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, r.SendTimeout)
	defer cancel()
	h, err := r.Client.Head(ctx, id)
	if err != nil {
		return err
	}
	if !strings.EqualFold(h.MessageType, string(store.Report)) {
		r.note(&r.strange, id)
		r.reports.held.add(id, r.Now(), strangeFor)
		return nil
	}
	at := h.StatusTime
	if at.IsZero() {
		at = r.Now().UTC()
	}
	err = r.Outbox.ReportDelivery(ctx, store.DeliveryReport{
		LinkedID: h.LinkedMsgID, LocalID: h.LocalID, At: at,
		ErrorCode: h.StatusCode, ErrorEvent: h.StatusEvent, ErrorText: h.StatusDescription,
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		r.note(&r.unknown, id)
	case err != nil:
		return errors.Join(errStore, err)
	default:
		r.stats.reports.WithLabelValues("joined").Inc()
	}
	return r.Client.Acknowledge(ctx, id)
}

// held remembers messages that are to be left alone, each from when until when, so
// that they are not requested in every round. If the clock was ahead and is put
// right, messages held by it become due at once.
type held map[string][2]time.Time

// mostHeld limits the memory: beyond it all messages are looked at again.
const mostHeld = 10_000

func (h held) has(id string, now time.Time) bool {
	span, there := h[id]
	return there && !now.Before(span[0]) && now.Before(span[1])
}

func (h *held) add(id string, now time.Time, d time.Duration) {
	if *h == nil || len(*h) >= mostHeld {
		*h = held{}
	}
	(*h)[id] = [2]time.Time{now, now.Add(d)}
}
