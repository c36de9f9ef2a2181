package courier

import (
	"context"
	"errors"
	"strings"
	"time"

	"nems/internal/mesh"
	"nems/internal/store"
)

// reportPage is how many messages of our own mailbox are listed at a time.
const reportPage = 500

// collectReports looks for reports in our mailbox at the MESH until ctx ends.
// What one round could not do, the next one does.
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

// reportRound joins every report that waits to its delivery.
func (c *Courier) reportRound(ctx context.Context) error {
	for q := (mesh.ListQuery{Max: reportPage}); ; {
		in, err := c.listReports(ctx, q)
		if err != nil {
			return err
		}
		for _, id := range in.Messages {
			if c.strange.has(id) {
				continue
			}
			if err := c.takeReport(ctx, id); err != nil {
				return err
			}
		}
		if q.Continue = in.Next; in.Next == "" {
			return nil
		}
	}
}

// listReports asks for a page of what waits for us, not for ever.
func (c *Courier) listReports(ctx context.Context, q mesh.ListQuery) (mesh.Inbox, error) {
	ctx, cancel := context.WithTimeout(ctx, c.SendTimeout)
	defer cancel()
	return c.Client.List(ctx, q)
}

// takeReport joins one message, if it is a report, and acknowledges it after
// that is on disk. Anything else is not ours to judge: it stays.
func (c *Courier) takeReport(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, c.SendTimeout)
	defer cancel()
	h, err := c.Client.Head(ctx, id)
	if err != nil {
		return err
	}
	if !strings.EqualFold(h.MessageType, string(store.Report)) {
		c.strange.add(id)
		c.Log.Warn("a message in our mailbox is no report", "message", id)
		return nil
	}
	at := h.StatusTime
	if at.IsZero() {
		at = c.Now().UTC()
	}
	err = c.Outbox.ReportDelivery(ctx, store.DeliveryReport{
		LinkedID: h.LinkedMsgID, LocalID: h.LocalID, At: at,
		ErrorCode: h.StatusCode, ErrorEvent: h.StatusEvent, ErrorText: h.StatusDescription,
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		c.stats.reports.WithLabelValues("unknown").Inc()
		c.Log.Warn("a report about nothing that we keep", "message", id, "linked", h.LinkedMsgID)
	case err != nil:
		return err
	default:
		c.stats.reports.WithLabelValues("joined").Inc()
	}
	return c.Client.Acknowledge(ctx, id)
}

// strangers remembers messages that are no reports, so that they are not asked
// for in each round. Used by one goroutine.
type strangers map[string]bool

// mostStrangers bounds the memory: past it everything is looked at again.
const mostStrangers = 10_000

func (s strangers) has(id string) bool { return s[id] }

func (s *strangers) add(id string) {
	if *s == nil || len(*s) >= mostStrangers {
		*s = strangers{}
	}
	(*s)[id] = true
}
