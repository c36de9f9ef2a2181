package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
)

// TestManyRecordsAreCommittedAtOnce checks that many waiting entries are
// committed at once, not at the next tick. Otherwise a busy service would run
// out of room between two ticks.
func TestManyRecordsAreCommittedAtOnce(t *testing.T) {
	var r store.Records
	ctx, stop := context.WithCancel(t.Context())
	flushed, ended := make(chan int, 16), make(chan struct{})
	go func() {
		defer close(ended)
		r.Follow(ctx, time.Hour, time.Now, func(context.Context) { flushed <- len(r.Take()) })
	}()
	total := 0
	for total < 3*16_384 {
		for r.Room("A") == nil && len(flushed) == 0 {
			r.Add(audit.Entry{Action: "download"})
		}
		total += <-flushed
	}
	stop()
	<-ended
}

// TestNoRoomWhileCommitsFail checks that entries whose commit failed count against the room, and
// are not lost.
func TestNoRoomWhileCommitsFail(t *testing.T) {
	var r store.Records
	n := 0
	for ; r.Room("A") == nil; n++ {
		r.Add(audit.Entry{Action: "download"})
	}
	if err := r.Room("A"); !errors.Is(err, store.ErrBusy) {
		t.Errorf("full: %v", err)
	}
	taken := r.Take()
	if err := r.Room("A"); err != nil || len(taken) != n {
		t.Errorf("%d taken of %d: %v", len(taken), n, err)
	}
	r.PutBack(taken)
	if err := r.Room("A"); !errors.Is(err, store.ErrBusy) {
		t.Errorf("put back: %v", err)
	}
}

// TestOneMailboxHasAShareOfTheRoom checks that a mailbox whose reads nobody commits leaves room for
// the others.
func TestOneMailboxHasAShareOfTheRoom(t *testing.T) {
	var r store.Records
	n := 0
	for ; r.Room("A") == nil; n++ {
		r.Add(audit.Entry{Action: "download", Mailbox: "A"})
	}
	for range n / 2 {
		if err := r.Room("B"); err != nil {
			t.Fatal(err)
		}
		r.Add(audit.Entry{Action: "download", Mailbox: "B"})
	}
	r.Take()
	if err := r.Room("A"); err != nil {
		t.Errorf("after a commit: %v", err)
	}
}
