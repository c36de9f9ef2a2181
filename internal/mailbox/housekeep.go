package mailbox

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"nems/internal/crashpoint"
	"nems/internal/mesh"
	"nems/internal/store"
)

// Housekept counts what one Housekeep did.
type Housekept struct {
	Expired int // messages that were not collected in time
	Purged  int // messages deleted
}

const (
	houseBatch    = 500
	houseParallel = 16 // concurrent changes share a commit
)

// Housekeep expires messages that were not acknowledged within 5 days, each
// with a report to its sender, and deletes messages older than 30 days. It may
// be called at any time and on several nodes. If an error stops it, its work so
// far remains, and the next call continues.
func (s *Server) Housekeep(ctx context.Context, now time.Time) (Housekept, error) {
	var did Housekept
	for {
		overdue, err := s.Boxes.Overdue(ctx, now, houseBatch)
		if err != nil {
			return did, fmt.Errorf("overdue messages: %w", err)
		}
		n, err := s.expire(ctx, overdue, now)
		did.Expired += n
		if err != nil || len(overdue) < houseBatch || n == 0 {
			if err != nil {
				return did, err
			}
			break
		}
	}
	for {
		n, err := s.Boxes.Purge(ctx, now.Add(-Retention), houseBatch)
		did.Purged += n
		if err != nil {
			return did, fmt.Errorf("deleting old messages: %w", err)
		}
		if n < houseBatch {
			return did, nil
		}
	}
}

// expire removes messages from their inboxes and reports that to their senders.
func (s *Server) expire(ctx context.Context, overdue []store.Message, now time.Time) (int, error) {
	var done atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(houseParallel)
	for _, m := range overdue {
		g.Go(func() error {
			m.Status, m.StatusAt = store.Undeliverable, now.UTC()
			m.ErrorCode, m.ErrorEvent, m.ErrorText = mesh.Undelivered.Code, mesh.Undelivered.Event, mesh.Undelivered.Description
			report, err := s.reportTo(ctx, m, now)
			if err != nil {
				return err
			}
			crashpoint.Hit(crashpoint.Report)
			err = s.Boxes.SetStatus(ctx, m, report)
			if errors.Is(err, store.ErrNotFound) {
				return nil // another node was faster
			}
			if err == nil {
				done.Add(1)
			}
			return err
		})
	}
	err := g.Wait()
	return int(done.Load()), err
}

// reportTo makes the report of an undelivered message for its sender's mailbox
// (MESH API, "Asynchronous error reporting"). It returns nil when the sender
// has no mailbox here, or the message is itself a report.
func (s *Server) reportTo(ctx context.Context, m store.Message, now time.Time) (*store.Message, error) {
	if m.Type == store.Report || m.Sender == "" {
		return nil, nil
	}
	sender, err := s.Boxes.Mailbox(ctx, m.Sender)
	if errors.Is(err, store.ErrNotFound) || (err == nil && sender.Remote) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &store.Message{
		Position: s.Boxes.NextPosition(), Mailbox: sender.Row,
		// mex-to of a report names the intended receiver of the message.
		Recipient: m.Recipient, RecipientODS: m.RecipientODS,
		Workflow: m.Workflow, Type: store.Report, Status: store.Waiting, StatusAt: now.UTC(),
		LocalID: m.LocalID, Subject: m.Subject, FileName: m.FileName, Chunks: 1, Expires: expiry(now.UTC()),
		LinkedID: messageID(m), ErrorCode: m.ErrorCode, ErrorEvent: m.ErrorEvent, ErrorText: m.ErrorText,
	}, nil
}
