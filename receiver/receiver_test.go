package receiver_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nems/receiver"
)

func TestCollectHandsOverInOrderThenAcknowledges(t *testing.T) {
	f := newFakeMESH()
	f.pageSize = 10
	var want []string
	for i := range 35 {
		id := fmt.Sprintf("M%02d", i)
		want = append(want, id)
		f.put(notice{id: "event-" + id}.in(id))
	}
	var got collected
	tally, err := newReceiver(t, f, newClock(), nil).Collect(t.Context(), func(ctx context.Context, m receiver.Message) error {
		if slices.Contains(f.acknowledged(), m.ID) {
			t.Errorf("%s was acknowledged before it was handled", m.ID)
		}
		return got.handle(ctx, m)
	})
	if err != nil || tally != (receiver.Tally{Handled: 35}) {
		t.Fatalf("%+v, %v", tally, err)
	}
	if d := cmp.Diff(want, got.ids()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want, f.acknowledged()); d != "" {
		t.Error(d)
	}
}

func TestMessageCarriesWhatMESHAndTheEventSay(t *testing.T) {
	n := notice{id: "ABCD", updated: "2026-01-02T03:04:05.5+00:00", version: "7", thing: "jab"}
	f := newFakeMESH(n.in("M1"))
	var got collected
	r := newReceiver(t, f, newClock(), func(c *receiver.Config) { c.OwnASIDs = []string{"300000000161"} })
	if _, err := r.Collect(t.Context(), got.handle); err != nil {
		t.Fatal(err)
	}
	m := got.messages[0]
	if string(m.Body) != string(n.body()) {
		t.Error("the body is not what was published")
	}
	m.Body = nil
	want := receiver.Message{
		ID: "M1", Kind: receiver.Event, Key: "event|vaccinations-1|abcd", From: "X26NEMS", To: "BOX",
		WorkflowID: "VACCINATIONS_1", LocalID: "1",
		Subscriptions: []receiver.Subscription{{ID: "sub1", Tag: "tag1"}, {ID: "sub2", Tag: "tag2"}},
		Facts: receiver.Facts{
			Code: "vaccinations-1", Kind: "new", MessageID: "ABCD", Source: "urn:nhs:addressing:asid:300000000161",
			SourceASID: "300000000161", NHSNumber: "9990000026",
			Focus: "urn:uuid:5d2bd6a7-1f5c-4a61-9d9d-4b8d4c4a0001", Identifier: receiver.Identifier{System: "https://example.nhs.uk/vaccination", Value: "jab"},
			Point: receiver.Point{Time: time.Date(2026, 1, 2, 3, 4, 5, 5e8, time.UTC), Number: 7},
		},
		Order: receiver.First, Own: true, Attempt: 1,
	}
	if d := cmp.Diff(want, m); d != "" {
		t.Error(d)
	}
}

func TestRepeatsAreAcknowledgedAndNotHandedOver(t *testing.T) {
	for _, c := range []struct {
		name      string
		everyCopy bool
		want      []string
	}{
		{"by event code and message id", false, []string{"M1", "M3"}},
		{"by MESH message id", true, []string{"M1", "M2", "M3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeMESH(notice{id: "a1"}.in("M1"), notice{id: "A1"}.in("M2"), notice{id: "a1", code: "pds-change-of-gp-1"}.in("M3"))
			var got collected
			r := newReceiver(t, f, newClock(), func(k *receiver.Config) { k.EveryCopy = c.everyCopy })
			if _, err := r.Collect(t.Context(), got.handle); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got.ids()); d != "" {
				t.Error(d)
			}
			if got := len(f.acknowledged()); got != 3 {
				t.Errorf("%d acknowledged", got)
			}
		})
	}
}

// A MESH that drops, refuses, cuts short or repeats one call in three causes no
// loss, and nothing is handled twice.
func TestAwkwardMESH(t *testing.T) {
	for seed := range uint64(5) {
		f := newFakeMESH()
		random := rand.New(rand.NewPCG(seed, 1))
		faults := []fault{dropBefore, dropAfter, unavailable, cutShort, contentFault}
		f.fault = func(operation string, _ int) fault {
			if random.IntN(3) == 0 {
				return faults[random.IntN(len(faults))]
			}
			return fine
		}
		for i := range 60 { // 40 events, 20 of them twice, in random order
			f.put(notice{id: fmt.Sprint("event", i*7%40)}.in(fmt.Sprintf("M%02d", i)))
		}
		f.pageSize = 20
		c := newClock()
		memory := filepath.Join(t.TempDir(), "memory")
		handled := map[string]int{}
		rounds := 0
		for len(f.acknowledged()) < 60 {
			if rounds++; rounds > 200 {
				t.Fatalf("seed %d: %d of 60 acknowledged after 200 rounds", seed, len(f.acknowledged()))
			}
			m := openMemory(t, memory, c)
			r := newReceiver(t, f, c, func(k *receiver.Config) { k.Memory = m })
			// Errors are expected from this MESH; only the final state counts.
			_, _ = r.Collect(t.Context(), func(_ context.Context, m receiver.Message) error {
				handled[m.Facts.MessageID]++
				return nil
			})
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for id, n := range handled {
			if n != 1 {
				t.Errorf("seed %d: %s handled %d times", seed, id, n)
			}
		}
		if len(handled) != 40 {
			t.Errorf("seed %d: %d of 40 events handled", seed, len(handled))
		}
	}
}

// forgets is the Memory of a process that dies before it can record.
type forgets struct{ *receiver.FileMemory }

var errDied = errors.New("died")

func (forgets) Finish(string, string, receiver.Known) error { return errDied }

func TestCrashBetweenHandlerAndMemoryHandlesAgain(t *testing.T) {
	f := newFakeMESH(notice{id: "e1"}.in("M1"))
	c := newClock()
	memory := openMemory(t, filepath.Join(t.TempDir(), "memory"), c)
	defer memory.Close()
	var got collected
	r := newReceiver(t, f, c, func(k *receiver.Config) { k.Memory = forgets{memory} })
	if _, err := r.Collect(t.Context(), got.handle); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	if n := f.count("ack"); n != 0 {
		t.Fatal("acknowledged although nothing remembers it")
	}
	r = newReceiver(t, f, c, func(k *receiver.Config) { k.Memory = memory })
	if _, err := r.Collect(t.Context(), got.handle); err != nil {
		t.Fatal(err)
	}
	if len(got.messages) != 2 || got.messages[1].Attempt != 2 || len(f.acknowledged()) != 1 {
		t.Errorf("%d handed over, acknowledged %q", len(got.messages), f.acknowledged())
	}
}

func TestCrashBetweenMemoryAndAcknowledgeHandlesOnce(t *testing.T) {
	f := newFakeMESH(notice{id: "e1"}.in("M1"))
	f.fault = func(operation string, _ int) fault {
		if operation == "ack" {
			return dropBefore
		}
		return fine
	}
	c := newClock()
	path := filepath.Join(t.TempDir(), "memory")
	var got collected
	for range 2 {
		memory := openMemory(t, path, c)
		r := newReceiver(t, f, c, func(k *receiver.Config) { k.Memory = memory })
		if _, err := r.Collect(t.Context(), got.handle); err != nil {
			t.Fatal(err)
		}
		if err := memory.Close(); err != nil {
			t.Fatal(err)
		}
		f.fault = func(string, int) fault { return fine }
	}
	if len(got.messages) != 1 || len(f.acknowledged()) != 1 {
		t.Errorf("%d handed over, acknowledged %q", len(got.messages), f.acknowledged())
	}
}

// A MESH that goes on listing acknowledged messages does not keep Collect busy.
func TestListedAfterAcknowledging(t *testing.T) {
	f := newFakeMESH(notice{id: "e1"}.in("M1"), notice{id: "e2"}.in("M2"))
	f.forgetful = true
	r := newReceiver(t, f, newClock(), nil)
	var got collected
	for range 2 {
		if _, err := r.Collect(t.Context(), got.handle); err != nil {
			t.Fatal(err)
		}
	}
	if len(got.messages) != 2 {
		t.Errorf("handed over %q", got.ids())
	}
}

func TestKeepOnlyLooks(t *testing.T) {
	f := newFakeMESH(notice{id: "e1"}.in("M1"))
	c := newClock()
	memory := openMemory(t, "", c)
	var got collected
	r := newReceiver(t, f, c, func(k *receiver.Config) { k.Keep, k.Memory = true, memory })
	for range 2 {
		if _, err := r.Collect(t.Context(), got.handle); err != nil {
			t.Fatal(err)
		}
	}
	finished, err := memory.Finished(got.messages[0].Key)
	if len(got.messages) != 1 || f.count("ack") != 0 || finished || err != nil {
		t.Errorf("handed over %q, %d acknowledged, finished %v, %v", got.ids(), f.count("ack"), finished, err)
	}
}

// Another collector takes the message between the list and the download.
func TestGoneMessagesAreNoError(t *testing.T) {
	f := newFakeMESH(notice{id: "e1"}.in("M1"), notice{id: "e2"}.in("M2"))
	f.fault = func(operation string, n int) fault {
		if operation == "get" && n == 1 {
			return disappeared
		}
		return fine
	}
	var got collected
	r := newReceiver(t, f, newClock(), func(k *receiver.Config) { k.Ahead = 1 })
	tally, err := r.Collect(t.Context(), got.handle)
	if err != nil || tally != (receiver.Tally{Handled: 1}) || got.messages[0].ID != "M2" {
		t.Errorf("%+v, %v, %q", tally, err, got.ids())
	}
}

func TestReportsAndOtherWorkflowsAreHandedOver(t *testing.T) {
	f := newFakeMESH(
		fakeMessage{id: "M1", headers: map[string]string{
			"mex-messagetype": "REPORT", "mex-statuscode": "14", "mex-statusevent": "SEND", "mex-statussuccess": "ERROR",
			"mex-statusdescription": "not collected", "mex-linkedmsgid": "M0", "mex-statustimestamp": "20260102030405",
		}},
		fakeMessage{id: "M2", body: []byte("a,b,c")},
		fakeMessage{id: "M3", body: []byte(`<Bundle xmlns="http://hl7.org/fhir"><type value="message"/></Bundle>`)},
	)
	var got collected
	if _, err := newReceiver(t, f, newClock(), nil).Collect(t.Context(), got.handle); err != nil {
		t.Fatal(err)
	}
	want := receiver.Status{Event: "SEND", Code: "14", Description: "not collected", LinkedID: "M0", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	if m := got.messages[0]; m.Kind != receiver.Report || m.Status != want || len(m.Body) != 0 {
		t.Errorf("report: %+v", m.Status)
	}
	for _, m := range got.messages[1:] {
		if m.Kind != receiver.Other || m.Problem == nil || m.Key != "mesh|"+m.ID {
			t.Errorf("%s: kind %s, key %s, problem %v", m.ID, m.Kind, m.Key, m.Problem)
		}
	}
}

// Downloads run ahead of the Handler, but no further than allowed. Messages
// that were downloaded and not handled stay in the mailbox.
func TestDownloadsRunAhead(t *testing.T) {
	for _, ahead := range []int{1, 3} {
		f := newFakeMESH()
		for i := range 20 {
			f.put(notice{id: fmt.Sprint("e", i)}.in(fmt.Sprintf("M%02d", i)))
		}
		r := newReceiver(t, f, newClock(), func(k *receiver.Config) { k.Ahead = ahead })
		most := 0
		handled := 0
		_, err := r.Collect(t.Context(), func(ctx context.Context, _ receiver.Message) error {
			for f.count("get") < min(handled+ahead, 20) { // if a download never comes, the test's context ends the wait
				if err := ctx.Err(); err != nil {
					return err
				}
				runtime.Gosched()
			}
			most = max(most, f.count("get")-handled)
			handled++
			return nil
		})
		if err != nil || handled != 20 || most > ahead {
			t.Errorf("ahead %d: %d handled, %d ahead, %v", ahead, handled, most, err)
		}
	}
}

func BenchmarkCollect(b *testing.B) {
	f := newFakeMESH()
	for i := range b.N {
		f.put(notice{id: fmt.Sprint("e", i), updated: "2026-01-01T00:00:00Z"}.in(fmt.Sprintf("M%07d", i)))
	}
	c := newClock()
	memory := openMemory(b, filepath.Join(b.TempDir(), "memory"), c)
	defer memory.Close()
	r := newReceiver(b, f, c, func(k *receiver.Config) { k.Memory = memory })
	b.ReportAllocs()
	b.ResetTimer()
	tally, err := r.Collect(b.Context(), func(context.Context, receiver.Message) error { return nil })
	if err != nil || tally.Handled != b.N {
		b.Fatal(tally, err)
	}
}
