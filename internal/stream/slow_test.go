package stream

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nems/internal/access"
	"nems/internal/store"
)

// Readers that take nothing keep no place: another reads at once, however many they are.
func TestSlowReadersKeepNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{counting: store.Counting{Epoch: 5, First: 1, Last: 20}}
		s := New(Config{Broker: j, Store: j, Now: time.Now, Log: slog.New(slog.DiscardHandler), Admitted: func(context.Context, access.Caller) bool { return true }, Most: 100, Share: 100})
		ended := make(chan struct{})
		const slow = places + 8
		for range slow {
			ours, theirs := net.Pipe()
			defer ours.Close()
			go func() {
				defer func() { ended <- struct{}{} }()
				r := &reader{Service: s, id: theID, form: Signal}
				if err := r.catchUp(t.Context(), &lines{Writer: theirs, deadline: theirs.SetWriteDeadline, flush: func() error { return nil }}); err == nil {
					t.Error("a reader that takes nothing was not cut off")
				}
			}()
		}
		synctest.Wait()
		if held := len(s.places); held != 0 {
			t.Errorf("%d places are held", held)
		}
		begun := time.Now()
		out, err := (&reader{Service: s, id: theID, form: Signal}).pull(t.Context(), 5)
		if err != nil || len(out.Events) != 5 || time.Since(begun) != 0 {
			t.Errorf("%d events after %s, %v", len(out.Events), time.Since(begun), err)
		}
		for range slow {
			<-ended
		}
		if s.room.free != roomBytes {
			t.Errorf("%d bytes of %d are free", s.room.free, roomBytes)
		}
	})
}

// Where the room is taken nothing is read for streams until some is free, and the place
// is left to others.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{counting: store.Counting{Epoch: 5, First: 1, Last: 1}}
		s := New(Config{Broker: j, Store: j, Log: slog.New(slog.DiscardHandler)})
		s.room.fill(roomBytes)
		var got strings.Builder
		out := &lines{Writer: &got, deadline: func(time.Time) error { return nil }, flush: func() error { return nil }}
		ended := make(chan error)
		read := func(ctx context.Context) { ended <- (&reader{Service: s, id: theID, form: Signal}).catchUp(ctx, out) }
		go read(t.Context())
		synctest.Wait()
		if j.asked != 0 || len(s.places) != 0 {
			t.Errorf("asked %d times, %d places", j.asked, len(s.places))
		}
		s.room.empty(1)
		if err := <-ended; err != nil || !strings.HasPrefix(got.String(), "id: 5-1\n") {
			t.Errorf("%q, %v", &got, err)
		}
		s.room.fill(1)
		ctx, cancel := context.WithCancel(t.Context())
		go read(ctx)
		synctest.Wait()
		cancel()
		if err := <-ended; err == nil {
			t.Error("a reader that has gone goes on")
		}
	})
}
