package receiver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"nems/receiver"
)

func TestRunCollectsUntilStopped(t *testing.T) {
	f := newFakeMESH(notice{id: "e1"}.in("M1"))
	c := newClock()
	ctx, stop := context.WithCancel(t.Context())
	polls := 0
	c.waited = func(d time.Duration) {
		if d != time.Minute {
			t.Errorf("waited %s", d)
		}
		switch polls++; polls {
		case 1:
			f.put(notice{id: "e2"}.in("M2"))
		case 2000: // more than a day later
			stop()
		}
	}
	var got collected
	r := newReceiver(t, f, c, func(k *receiver.Config) { k.Poll = time.Minute })
	if err := r.Run(ctx, got.handle); err != nil {
		t.Fatal(err)
	}
	if len(got.messages) != 2 || len(f.acknowledged()) != 2 {
		t.Errorf("handed over %q", got.ids())
	}
	if n := f.count("hello"); n != 2 {
		t.Errorf("%d handshakes in %d minutes", n, polls)
	}
}

func TestRunRefusedAtTheStart(t *testing.T) {
	f := newFakeMESH()
	f.fault = func(string, int) fault { return forbidden }
	if err := newReceiver(t, f, newClock(), nil).Run(t.Context(), (&collected{}).handle); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("want MESH's refusal, got %v", err)
	}
}

func TestRunOutlivesAnOutage(t *testing.T) {
	f := newFakeMESH(notice{id: "e1"}.in("M1"))
	f.fault = func(_ string, n int) fault {
		if n < 20 {
			return unavailable
		}
		return fine
	}
	c := newClock()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r := newReceiver(t, f, c, func(k *receiver.Config) { k.Poll = time.Second })
	handled := 0
	err := r.Run(ctx, func(context.Context, receiver.Message) error {
		handled++
		stop()
		return nil
	})
	if err != nil || handled != 1 {
		t.Errorf("handled %d, %v", handled, err)
	}
	var longest time.Duration
	for _, d := range c.waits {
		longest = max(longest, d)
	}
	if longest < 8*time.Second || longest > 5*time.Minute {
		t.Errorf("the longest wait was %s", longest)
	}
}

// The Handler that is running when the Receiver is told to stop may finish, and
// its message is acknowledged. The next message is not begun.
func TestStopLetsTheHandlerFinish(t *testing.T) {
	f := newFakeMESH(notice{id: "e1"}.in("M1"), notice{id: "e2"}.in("M2"))
	ctx, stop := context.WithCancel(t.Context())
	r := newReceiver(t, f, newClock(), func(k *receiver.Config) { k.Wait = nil })
	handled := 0
	err := r.Run(ctx, func(ctx context.Context, _ receiver.Message) error {
		handled++
		stop()
		return ctx.Err()
	})
	if err != nil || handled != 1 || len(f.acknowledged()) != 1 {
		t.Errorf("handled %d, acknowledged %q, %v", handled, f.acknowledged(), err)
	}
}

// A Handler that does not finish within its grace sees its context end. Its
// message stays, and the attempt does not count.
func TestStopEndsTheHandlerAfterItsGrace(t *testing.T) {
	f := newFakeMESH(notice{id: "e1"}.in("M1"))
	c := newClock()
	memory := openMemory(t, "", c)
	ctx, stop := context.WithCancel(t.Context())
	var key string
	r := newReceiver(t, f, c, func(k *receiver.Config) { k.Memory = memory })
	_, err := r.Collect(ctx, func(ctx context.Context, m receiver.Message) error {
		key = m.Key
		stop()
		<-ctx.Done()
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) || f.count("ack") != 0 {
		t.Errorf("%v, %d acknowledged", err, f.count("ack"))
	}
	if n, err := memory.Attempts(key); n != 0 || err != nil {
		t.Errorf("%d attempts counted, %v", n, err)
	}
}

// Whatever goes wrong, logs, errors and prints contain no patient's data.
func TestNothingOfThePatientIsTold(t *testing.T) {
	broken := notice{id: "e3"}.in("M3")
	broken.body = bytes.Replace(broken.body, []byte("/Id/nhs-number"), []byte("/Id/other"), 1)
	unreadable := notice{id: "e4"}.in("M4")
	unreadable.body = append(unreadable.body, "<x>9990000026"...)
	f := newFakeMESH(notice{id: "e1", updated: "2026-01-01T00:00:00Z"}.in("M1"), notice{id: "e1"}.in("M2"), broken, unreadable)
	var told bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r := newReceiver(t, f, newClock(), func(k *receiver.Config) {
		k.Logger = log
		k.Observe = func(m receiver.Message, o receiver.Outcome, err error) {
			log.Info("seen", "message", m, "pointer", &m, "facts", m.Facts, "outcome", o, "error", err, "problem", m.Problem)
			fmt.Fprintf(&told, "%v %+v %#v %s %q %v\n", m, m, m, m, m.Facts.NHSNumber, m.Facts)
		}
	})
	_, err := r.Collect(t.Context(), fails(&collected{}, errNo, "M1", "M4"))
	fmt.Fprintln(&told, err)
	if !strings.Contains(told.String(), "M4") {
		t.Fatal("nothing was told at all")
	}
	for _, secret := range []string{"9990000026", "Bundle xmlns", fmt.Sprint([]byte("9990000026"))[1:20]} {
		if strings.Contains(told.String(), secret) {
			t.Errorf("%q is told", secret)
		}
	}
}
