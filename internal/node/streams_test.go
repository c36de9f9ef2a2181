package node_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nems/client"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/store"
	"nems/internal/store/postgres/pgtest"
)

// feed registers an endpoint that is read, and a subscription to it.
func feed(t *testing.T, here *nodetest.Server, form string) (id string) {
	t.Helper()
	_, err := operator.PutEndpoint.Do(t.Context(), here.Desk(), operator.Endpoint{ID: "FEED", ODS: "RR8", Channel: store.StreamChannel, Form: form})
	if err != nil {
		t.Fatal(err)
	}
	return here.Subscribe(here.Leeds(), about(nodetest.Jack)+vaccinations, "FEED")
}

// publishes publishes messages, and returns them.
func publishes(t *testing.T, here *nodetest.Server, n int) (out []string) {
	t.Helper()
	for range n {
		m := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
		here.Publish(here.Publisher(), m)
		out = append(out, string(m))
	}
	return out
}

// take reads n events of a stream.
func take(t *testing.T, c *client.Client, id, after string, n int) (out []client.Numbered) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for e, err := range c.Stream(ctx, id, after) {
		if err != nil {
			t.Fatal(err)
		}
		if out = append(out, e); len(out) == n {
			return out
		}
	}
	t.Fatalf("%d of %d events came", len(out), n)
	return nil
}

func numbers(all []client.Numbered) (out []uint64) {
	for _, n := range all {
		out = append(out, n.Number)
	}
	return out
}

// TestStream follows a subscription: what was there before, what comes, over a restart of
// the service, until the subscription is deleted.
func TestStream(t *testing.T) {
	for name, database := range map[string]func() string{
		"sqlite": func() string { return "" }, "postgres": func() string { return pgtest.Shared(t).Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			here := nodetest.Boot(t, func(c *node.Config) { c.Database = database() })
			id := feed(t, here, "message")
			sent := publishes(t, here, 3)
			first := take(t, here.Leeds(), id, "", 3)
			for i, n := range first {
				if n.Number != uint64(i+1) || n.Event == nil || n.Event.Data != sent[i] || n.Event.EventType != "vaccinations-1" || n.Event.Kind != "new" || n.Event.Subscription != id {
					t.Errorf("%+v", n)
				}
			}
			if got := numbers(take(t, here.Leeds(), id, first[1].Place, 1)); !slices.Equal(got, []uint64{3}) {
				t.Errorf("after 2: %v", got)
			}
			var came []client.Numbered
			followed := make(chan error, 1)
			var mu sync.Mutex
			go func() {
				for n, err := range here.Leeds().Stream(t.Context(), id, first[2].Place) {
					if err != nil {
						followed <- err
						return
					}
					mu.Lock()
					came = append(came, n)
					mu.Unlock()
				}
				followed <- nil
			}()
			all := func(n int) func() bool {
				return func() bool { mu.Lock(); defer mu.Unlock(); return len(came) >= n }
			}
			publishes(t, here, 2)
			here.Eventually("two come", all(2))
			if err := here.Leeds().Unsubscribe(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			if err := <-followed; err != nil {
				t.Error(err)
			}
			if got := numbers(came); !slices.Equal(got, []uint64{4, 5}) {
				t.Errorf("came: %v", got)
			}
		})
	}
}

// opened is a stream as a program reads it that knows nothing of its words.
type opened struct {
	answer *http.Response
	lines  *bufio.Reader
}

// open opens a stream by hand.
func open(t *testing.T, here *nodetest.Server, id, query, last string) *opened {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, here.URL+nodetest.SubscribePath+"/"+id+"/$stream"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = here.ReadRequest(id).Header
	r.Header.Set("Accept", "text/event-stream")
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	transport := &http.Transport{}
	answer, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close(); transport.CloseIdleConnections() })
	return &opened{answer, bufio.NewReader(answer.Body)}
}

// next returns the lines of the next event, without retry and comments.
func (o *opened) next(t *testing.T) string {
	t.Helper()
	for {
		var out strings.Builder
		for {
			line, err := o.lines.ReadString('\n')
			if err != nil {
				t.Fatalf("%v after %q", err, out.String())
			}
			if line == "\n" {
				break
			}
			out.WriteString(line)
		}
		if text := out.String(); !strings.HasPrefix(text, ":") && !strings.HasPrefix(text, "retry:") {
			return text
		}
	}
}

// TestStreamPlaces opens a stream at all kinds of places.
func TestStreamPlaces(t *testing.T) {
	here := nodetest.Boot(t)
	id := feed(t, here, "signal")
	publishes(t, here, 3)
	all := take(t, here.Leeds(), id, "", 3)
	epoch, _, _ := strings.Cut(all[0].Place, "-")
	if all[0].Event.Data != "" {
		t.Error("a signal has the message")
	}
	o := open(t, here, id, "", "")
	if h := o.answer.Header; o.answer.StatusCode != 200 || h.Get("Content-Type") != "text/event-stream; charset=utf-8" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", o.answer.StatusCode, h)
	}
	if got := o.next(t); !strings.HasPrefix(got, "id: "+epoch+"-1\nevent: message\ndata: {\"number\":1,") {
		t.Errorf("from the beginning: %q", got)
	}
	for name, c := range map[string]struct{ query, last, want string }{
		"by the header":          {"", epoch + "-1", "id: " + epoch + "-2\nevent: message\ndata: {\"number\":2,"},
		"by the query":           {"?lastEventId=" + epoch + "-2", "", "id: " + epoch + "-3\nevent: message\ndata: {\"number\":3,"},
		"the header comes first": {"?lastEventId=" + epoch + "-2&form=signal", epoch + "-0", "id: " + epoch + "-1\nevent: message\ndata: {\"number\":1,"},
		"a number to come":       {"", epoch + "-9", "id: " + epoch + "-0\nevent: gap\ndata: {\"reason\":\"unknown\",\"next\":1}\n"},
		"another epoch":          {"", "7-2", "id: " + epoch + "-0\nevent: gap\ndata: {\"reason\":\"epoch\",\"next\":1}\n"},
	} {
		o := open(t, here, id, c.query, c.last)
		if got := o.next(t); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestStreamRefusals asks for what cannot be had.
func TestStreamRefusals(t *testing.T) {
	here := nodetest.Boot(t)
	id := feed(t, here, "signal")
	for name, c := range map[string]struct {
		query, last, says string
		status            int
	}{
		"no place":          {"", "yesterday", "Last-Event-ID: expected the id of an event of this subscription, such as 1773000000-42", 400},
		"half a place":      {"?lastEventId=1", "", "lastEventId: expected", 400},
		"twice":             {"?lastEventId=1-1&lastEventId=1-2", "", "expected each parameter once", 400},
		"another parameter": {"?since=1", "", "expected each parameter once, and of these: lastEventId, form", 400},
		"another form":      {"?form=xml", "", "form: expected signal or message", 400},
		"more than allowed": {"?form=message", "", "this endpoint has the form signal", 403},
	} {
		o := open(t, here, id, c.query, c.last)
		body, _ := io.ReadAll(o.answer.Body)
		if o.answer.StatusCode != c.status || !strings.Contains(string(body), c.says) {
			t.Errorf("%s: %d %s", name, o.answer.StatusCode, body)
		}
	}
	for path, status := range map[string]int{"$stream": 403, "$pull": 403} {
		r := here.ReadRequest(id + "/" + path)
		r.Header.Set("Fromasid", nodetest.NationalID)
		r.Header.Set("Authorization", "Bearer "+here.Token(nodetest.NationalID, "X26", "patient/Subscription.read").Unsigned())
		if a := here.Send(r); a.Status != status {
			t.Errorf("%s by another organisation: %d %s", path, a.Status, a.Body)
		}
	}
	box := here.Subscribe(here.Leeds(), about(nodetest.Alex)+vaccinations, leeds)
	if a := here.Send(here.ReadRequest(box + "/$stream")); a.Status != 400 || !strings.Contains(string(a.Body), "another channel") {
		t.Errorf("of a mailbox: %d %s", a.Status, a.Body)
	}
	head := here.ReadRequest(id + "/$stream")
	head.Method = http.MethodHead
	if a := here.Send(head); a.Status != 405 {
		t.Errorf("HEAD: %d", a.Status)
	}
	if err := operator.DisableEndpoint.Run(t.Context(), here.Desk(), operator.EndpointRef{ID: "FEED"}); err != nil {
		t.Fatal(err)
	}
	if a := here.Send(here.ReadRequest(id + "/$stream")); a.Status != 403 || !strings.Contains(string(a.Body), "switched off") {
		t.Errorf("off: %d %s", a.Status, a.Body)
	}
}

// TestPull reads page by page, and waits; what is acknowledged is told to operators.
func TestPull(t *testing.T) {
	here := nodetest.Boot(t)
	id, leeds := feed(t, here, "message"), here.Leeds()
	ctx := t.Context()
	empty, err := leeds.Pull(ctx, id, client.Pull{})
	if err != nil || len(empty.Events) != 0 {
		t.Fatalf("%+v, %v", empty, err)
	}
	waited := make(chan client.Pulled, 1)
	go func() {
		got, err := leeds.Pull(ctx, id, client.Pull{Wait: 20 * time.Second})
		if err != nil {
			t.Error(err)
		}
		waited <- got
	}()
	sent := publishes(t, here, 5)
	got := <-waited
	if len(got.Events) == 0 || got.Events[0].Event.Data != sent[0] {
		t.Fatalf("waited: %+v", got)
	}
	here.Eventually("all are there", func() bool {
		got, err = leeds.Pull(ctx, id, client.Pull{})
		return err == nil && len(got.Events) == 5
	})
	if !slices.Equal(numbers(got.Events), []uint64{1, 2, 3, 4, 5}) || got.Number != 5 {
		t.Errorf("%+v", got)
	}
	two, err := leeds.Pull(ctx, id, client.Pull{After: got.Events[0].Place, Max: 2})
	if err != nil || !slices.Equal(numbers(two.Events), []uint64{2, 3}) || two.Next != got.Events[2].Place {
		t.Errorf("%+v, %v", two, err)
	}
	if at, err := leeds.Ack(ctx, id, got.Epoch, 3); err != nil || at != 3 {
		t.Errorf("%d, %v", at, err)
	}
	rest, err := leeds.Pull(ctx, id, client.Pull{})
	if err != nil || !slices.Equal(numbers(rest.Events), []uint64{4, 5}) {
		t.Errorf("%+v, %v", rest, err)
	}
	// A stream that is opened behind an event acknowledges what is before it.
	take(t, leeds, id, rest.Events[0].Place, 1)
	states := map[store.State]int{}
	found, err := operator.FindDeliveries.Do(ctx, here.Desk(), operator.Matching(operator.DeliveryFilter{Mailbox: "FEED"}))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range found.Items {
		states[d.State]++
	}
	if states[store.Acknowledged] != 4 || states[store.Sent] != 1 {
		t.Errorf("%v", states)
	}
	wrongAcks(t, here, id, got.Epoch)
}

// wrongAcks acknowledges what cannot be acknowledged, of five events.
func wrongAcks(t *testing.T, here *nodetest.Server, id string, epoch uint32) {
	t.Helper()
	for name, c := range map[string]struct{ body, says string }{
		"nothing":        {"", "expected {"},
		"no number":      {`{"epoch":1}`, "expected {"},
		"another epoch":  {fmt.Sprintf(`{"epoch":%d,"number":1}`, epoch-1), "a backup was restored"},
		"beyond the end": {fmt.Sprintf(`{"epoch":%d,"number":6}`, epoch), "number: expected 5, the last one that was given, or less; received 6"},
	} {
		r := here.ReadRequest(id + "/$ack")
		r.Method, r.Body = http.MethodPost, []byte(c.body)
		if a := here.Send(r); a.Status != 400 || !strings.Contains(string(a.Body), c.says) {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

// TestStreamOverNodes publishes on two nodes at once and reads on one of them, then on the
// other when the first has ended: all events come, once, in the order of their numbers.
func TestStreamOverNodes(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	shared := func(c *node.Config) { c.Database = url }
	here, there := nodetest.Boot(t, shared), nodetest.Boot(t, shared)
	id := feed(t, here, "message")
	const each = 40
	var all sync.WaitGroup
	var mu sync.Mutex
	sent := map[string]bool{}
	for i, s := range []*nodetest.Server{here, there, here, there} {
		all.Go(func() {
			for range each {
				m := nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack)
				mu.Lock()
				sent[string(m)] = true
				mu.Unlock()
				if _, err := s.Publisher().Publish(context.Background(), m); err != nil {
					t.Errorf("publisher %d: %v", i, err)
				}
			}
		})
	}
	got := take(t, there.Leeds(), id, "", each)
	open := open(t, there, id, "", got[each-1].Place) // and nobody reads it
	all.Wait()
	begun := time.Now()
	there.Stop()
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("with a stream open it ended after %s", took)
	}
	if rest, err := io.ReadAll(open.lines); err != nil || !strings.Contains(string(rest), "\nretry: ") {
		t.Errorf("its stream ended with %q, %v", rest[max(0, len(rest)-80):], err)
	}
	got = append(got, take(t, here.Leeds(), id, got[each-1].Place, 3*each)...)
	for i, n := range got {
		if n.Number != uint64(i+1) || n.Event == nil || !sent[n.Event.Data] {
			t.Fatalf("%d: %+v", i, n)
		}
		delete(sent, n.Event.Data)
	}
	if len(sent) != 0 {
		t.Errorf("%d are missing", len(sent))
	}
}

// TestStreamsAreNoRequests: streams and waiting pulls leave the limits of requests.
func TestStreamsAreNoRequests(t *testing.T) {
	here := nodetest.Boot(t, func(c *node.Config) { c.ConcurrencyLimit, c.Streams.Share = 1, 3 })
	id := feed(t, here, "signal")
	for range 3 {
		open(t, here, id, "", "")
	}
	if o := open(t, here, id, "", ""); o.answer.StatusCode != 429 || o.answer.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: %d", o.answer.StatusCode)
	}
	if a := here.Send(here.ReadRequest(id + "/$pull?wait=20")); a.Status != 429 {
		t.Errorf("a pull that waits: %d", a.Status)
	}
	publishes(t, here, 1)
	if a := here.Send(here.ReadRequest(id)); a.Status != 200 {
		t.Errorf("reading the subscription: %d %s", a.Status, a.Body)
	}
}
