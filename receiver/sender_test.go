package receiver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nems/receiver"
)

// Only the configured senders may send events; without a configuration that is NEMS alone.
func TestSendersAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		senders []string
		from    string
		kind    receiver.Kind
	}{
		"NEMS, by default":         {nil, "X26NEMS", receiver.Event},
		"whatever the case":        {nil, "x26nems", receiver.Event},
		"another, by default":      {nil, "SOMEBODY", receiver.Other},
		"nobody, by default":       {nil, "", receiver.Other},
		"nearly NEMS":              {nil, "X26NEMS2", receiver.Other},
		"no senders are the usual": {[]string{}, "SOMEBODY", receiver.Other},
		"named":                    {[]string{"OTHER", "x26nems"}, "X26NEMS", receiver.Event},
		"not named":                {[]string{"OTHER"}, "X26NEMS", receiver.Other},
		"everybody":                {[]string{receiver.AnySender}, "SOMEBODY", receiver.Event},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeMESH(notice{id: "1"}.in("M1"))
			f.messages[0].headers["mex-from"] = c.from
			var log bytes.Buffer
			var got collected
			_, err := newReceiver(t, f, newClock(), func(k *receiver.Config) {
				k.Senders, k.Logger = c.senders, slog.New(slog.NewTextHandler(&log, nil))
			}).Collect(t.Context(), got.handle)
			mustDo(t, err)
			m := got.messages[0]
			forged := c.kind == receiver.Other
			if m.Kind != c.kind || forged != errors.Is(m.Problem, receiver.ErrSender) || forged != (m.Facts == receiver.Facts{}) ||
				forged != strings.HasPrefix(m.Key, "mesh|") || m.Own {
				t.Errorf("%s, key %s, facts %v, %v", m.Kind, m.Key, m.Facts, m.Problem)
			}
			if forged != strings.Contains(log.String(), "mesh_id=M1") {
				t.Errorf("log: %s", &log)
			}
			if strings.Contains(log.String(), "9990000026") {
				t.Error("the log has a patient's number")
			}
		})
	}
}

// Many forged events in a row stop nothing: each is set aside or left, and the
// event after them is handled. A forged event does not supersede a true one.
func TestForgedEventsStopNothing(t *testing.T) {
	for name, folder := range map[string]string{"set aside": filepath.Join(t.TempDir(), "aside"), "left": ""} {
		t.Run(name, func(t *testing.T) {
			f := newFakeMESH()
			for n := range 10 {
				m := notice{id: "1", thing: "jab", updated: "2027-01-01T00:00:00Z"}.in(fmt.Sprintf("F%d", n))
				m.headers["mex-from"] = "SOMEBODY"
				f.put(m)
			}
			f.put(notice{id: "1", thing: "jab", updated: "2026-01-01T00:00:00Z"}.in("M1"))
			var handled []string
			tally, err := newReceiver(t, f, newClock(), func(k *receiver.Config) { k.SetAside = folder }).Collect(t.Context(), func(_ context.Context, m receiver.Message) error {
				if m.Kind != receiver.Event {
					return receiver.Permanent(m.Problem)
				}
				handled = append(handled, m.ID)
				return nil
			})
			want := receiver.Tally{Handled: 1, Left: 10}
			if folder != "" {
				want = receiver.Tally{Handled: 1, Aside: 10}
			}
			if err != nil || tally != want || len(handled) != 1 || handled[0] != "M1" {
				t.Errorf("%+v, %v, %q", tally, err, handled)
			}
			if folder == "" {
				return
			}
			text, err := os.ReadFile(filepath.Join(folder, "F0.json"))
			if err != nil || !strings.Contains(string(text), "another mailbox") || strings.Contains(string(text), "9990000026") {
				t.Errorf("%v, %s", err, text)
			}
		})
	}
}
