package courier_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"nems/internal/courier"
	"nems/internal/mesh"
	"nems/internal/store"
)

// nasty is a text with characters on which a terminal, a table or a path would act.
const nasty = "\x1b[2J\u009b31m\r\nnems: all is well\u202e../../etc"

// hostileMESH answers as its fields say; where they are nil it behaves well.
type hostileMESH struct {
	*httptest.Server
	send  http.HandlerFunc                                        // answers sends to the mailbox EVIL
	list  func(from string) (ids []string, next string)           // our inbox
	head  map[string]func(w http.ResponseWriter, r *http.Request) // by id; others are reports
	links func(id string) (linked, local string)                  // what a report is about
	mu    sync.Mutex
	sent  map[string]int // by recipient
	froms []string       // from where each list was requested
	heads map[string]int
	acked []string
}

func newHostileMESH(t *testing.T) *hostileMESH {
	h := &hostileMESH{sent: map[string]int{}, heads: map[string]int{}, list: func(string) ([]string, string) { return nil, "" }}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *hostileMESH) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/messageexchange/"), "/")
	switch {
	case len(path) >= 2 && path[1] == "outbox":
		h.outbox(w, r)
	case len(path) == 2:
		h.mu.Lock()
		h.froms = append(h.froms, r.URL.Query().Get("continue_from"))
		h.mu.Unlock()
		ids, next := h.list(r.URL.Query().Get("continue_from"))
		_ = json.NewEncoder(w).Encode(map[string]any{"messages": ids, "links": map[string]string{"next": "/x?continue_from=" + next}})
	case r.Method == http.MethodHead:
		h.report(w, r, path[2])
	default:
		h.mu.Lock()
		defer h.mu.Unlock()
		h.acked = append(h.acked, path[2])
	}
}

func (h *hostileMESH) outbox(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		h.send(w, r) // a tracking request
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	to := mesh.Lower(r.Header)["mex-to"]
	h.mu.Lock()
	h.sent[to]++
	n := h.sent[to]
	h.mu.Unlock()
	if to == "EVIL" {
		h.send(w, r)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintf(w, `{"message_id":"%s_%d"}`, to, n)
}

func (h *hostileMESH) report(w http.ResponseWriter, r *http.Request, id string) {
	h.mu.Lock()
	h.heads[id]++
	h.mu.Unlock()
	if f := h.head[id]; f != nil {
		f(w, r)
		return
	}
	linked, local := h.links(id)
	for name, value := range map[string]string{
		"mex-messagetype": "REPORT", "mex-linkedmsgid": linked, "mex-localid": local,
		"mex-statuscode": strings.Repeat("1", 100), "mex-statusevent": "SEND", "mex-statusdescription": strings.Repeat("no\u009b", 1000),
	} {
		w.Header().Set(name, value)
	}
}

func (h *hostileMESH) said(read func() bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return read()
}

// rawLog stores log lines unquoted.
type rawLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *rawLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *rawLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *rawLog) WithGroup(string) slog.Handler            { return l }

func (l *rawLog) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.Key + "=" + a.Value.String(); return true })
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return nil
}

// harmless fails for texts that are too long or have characters that cannot be shown.
func harmless(t *testing.T, most int, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if len(s) > most {
			t.Errorf("%d bytes: %.200q", len(s), s)
		}
		if i := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%.200q", s[max(i-20, 0):])
		}
	}
}

// against runs a courier of a fixture against a hostile MESH.
func (fx *fixture) against(t *testing.T, h *hostileMESH, change ...func(*courier.Config)) (stop func(), log *rawLog) {
	t.Helper()
	// On a used connection net/http would repeat a request by itself.
	transport := &http.Transport{DisableKeepAlives: true}
	client, err := mesh.NewClient(mesh.ClientConfig{URL: h.URL, Mailbox: "X26NEMS", Password: "password", SharedKey: []byte(sharedKey), Now: fx.now, Transport: transport})
	fx.must(err)
	log = &rawLog{}
	stop = fx.run(append([]func(*courier.Config){func(c *courier.Config) { c.Client, c.Log = client, slog.New(log) }}, change...)...)
	return stop, log
}

// Whatever a MESH answers for one mailbox, the others get their copies, and nothing
// of the answer is stored or logged raw or at full length.
func TestHostileAnswers(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	quoted := strconv.QuoteToASCII(nasty)
	quoted = strings.ReplaceAll(quoted, `\x1b`, `\u001b`)
	cut := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, text)
		}
	}
	for name, send := range map[string]http.HandlerFunc{
		"nasty refusal":     answer(417, `{"detail":[{"event":`+quoted+`,"code":`+quoted+`,"msg":`+quoted+`}]}`),
		"long refusal":      answer(417, `{"errorEvent":"`+strings.Repeat("E", 10_000)+`","errorCode":"`+strings.Repeat("1", 10_000)+`","errorDescription":"`+strings.Repeat("no ", 10_000)+`"}`),
		"10 MB":             answer(500, strings.Repeat("no\x1b[2J\n ", 1<<20)),
		"accepted, 10 MB":   answer(202, strings.Repeat("yes\x1b[2J ", 1<<20)),
		"nasty id":          answer(202, `{"message_id":`+quoted+`}`),
		"id as a path":      answer(202, `{"message_id":"../../../inbox/A"}`),
		"malformed header":  cut("HTTP/1.1 202 OK\r\n\x1b[2J\u009b31m" + strings.Repeat("x", 5000) + "\r\n\r\n"),
		"header of 300 KB":  cut("HTTP/1.1 202 OK\r\nmex-a: " + strings.Repeat("a", 300<<10) + "\r\n\r\n"),
		"no HTTP":           cut("\x1b[2J all is well\n"),
		"not another place": answer(302, nasty),
	} {
		t.Run(name, func(t *testing.T) {
			fx := newFixture(t, setting{recipients: []string{"EVIL", "A", "B"}})
			for n := range 5 {
				fx.publish(n)
			}
			h := newHostileMESH(t)
			h.send = send
			stop, log := fx.against(t, h)
			fx.eventually("the others have all", func() bool { return len(fx.in(store.Sent)) >= 10 })
			fx.eventually("the hostile one's failed", func() bool {
				for _, d := range append(fx.in(store.Parked), fx.in(store.Waiting)...) {
					if d.ErrorText != "" {
						return true
					}
				}
				return false
			})
			stop()
			for _, d := range slices.Concat(fx.in(store.Parked), fx.in(store.Waiting), fx.in(store.Sent)) {
				harmless(t, 500, d.ErrorText)
				harmless(t, 64, d.ErrorCode, d.ErrorEvent)
				harmless(t, 100, d.MESHID)
				if d.State == store.Sent && d.MailboxID == "EVIL" {
					t.Errorf("sent: %+v", d)
				}
			}
			for _, line := range log.lines {
				harmless(t, 1500, line)
			}
		})
	}
}

// endless lists the ids of the nth page of an endless list, ten to a page.
func endless(from string) (ids []string, next string) {
	n, _ := strconv.Atoi(from)
	for i := range 10 {
		ids = append(ids, fmt.Sprintf("P%d_%d", n, i))
	}
	return ids, strconv.Itoa(n + 1)
}

// An endless list is read in rounds of 20 pages, each round continuing the one
// before. A message that is not a report is looked at once.
func TestEndlessReports(t *testing.T) {
	fx := newFixture(t, setting{recipients: []string{"A"}})
	fx.publish(1)
	h := newHostileMESH(t)
	none := func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("mex-messagetype", "DATA") }
	h.head = map[string]func(http.ResponseWriter, *http.Request){}
	for n := range 200 {
		ids, _ := endless(strconv.Itoa(n))
		for _, id := range ids {
			h.head[id] = none
		}
	}
	delete(h.head, "P30_3") // the report, on a page of the second round
	h.links = func(string) (string, string) { return "A_1", "" }
	h.list = func(from string) ([]string, string) {
		if n, _ := strconv.Atoi(from); n >= 100 {
			return []string{"P0_0"}, "" // ends the list, and so the test
		}
		return endless(from)
	}
	stop, log := fx.against(t, h)
	fx.eventually("reported", func() bool { return len(fx.in(store.Undeliverable)) == 1 })
	fx.eventually("begun anew", func() bool {
		return h.said(func() bool { return slices.Contains(h.froms[1:], "") })
	})
	stop()
	for i, from := range h.froms[:101] {
		if want := strconv.Itoa(i); i > 0 && from != want {
			t.Fatalf("list %d continues %q, want %q", i, from, want)
		}
	}
	for id, n := range h.heads {
		if n > 1 && id != "P30_3" {
			t.Errorf("%s was asked for %d times", id, n)
		}
	}
	if d := fx.in(store.Undeliverable)[0]; len(d.ErrorCode) > 70 || d.ErrorEvent != "SEND" {
		t.Errorf("%+v", d)
	} else {
		harmless(t, 64, d.ErrorCode)
		harmless(t, 500, d.ErrorText)
	}
	if len(log.lines) > len(h.froms)/20+2 {
		t.Errorf("%d lines for %d pages", len(log.lines), len(h.froms))
	}
	for _, line := range log.lines {
		harmless(t, 500, line)
	}
}

// A repeated page ends a round, even if it names a next one. The next round starts
// from the beginning.
func TestSamePageAgain(t *testing.T) {
	fx := newFixture(t, setting{recipients: []string{"A"}})
	fx.publish(1)
	h := newHostileMESH(t)
	n := 0
	h.list = func(string) ([]string, string) {
		n++
		return []string{"R1", "../outbox", "a%2Fb", nasty, ""}, strconv.Itoa(n)
	}
	h.links = func(string) (string, string) { return nasty, nasty } // about no known message
	var rounds int
	stop, log := fx.against(t, h)
	fx.eventually("several rounds", func() bool {
		return h.said(func() bool {
			rounds = 0
			for _, from := range h.froms {
				if from == "" {
					rounds++
				}
			}
			return rounds > 5
		})
	})
	stop()
	if len(h.froms) > 2*rounds+2 {
		t.Errorf("%d lists in %d rounds", len(h.froms), rounds)
	}
	if len(h.heads) != 1 || slices.ContainsFunc(h.acked, func(id string) bool { return id != "R1" }) {
		t.Errorf("asked for %v, acknowledged %q", h.heads, h.acked)
	}
	for _, line := range log.lines {
		harmless(t, 500, line)
	}
}

// Reports that cannot be read, temporarily or permanently, do not block those after them.
func TestUnreadableReports(t *testing.T) {
	fx := newFixture(t, setting{recipients: []string{"A"}})
	for n := range 3 {
		fx.publish(n)
	}
	h := newHostileMESH(t)
	h.head = map[string]func(http.ResponseWriter, *http.Request){}
	var ids []string
	for n := range 12 {
		id := fmt.Sprintf("BAD_%02d", n)
		ids, h.head[id] = append(ids, id), func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	}
	for n, status := range []int{400, 404, 410, 417, 500, 501, 302} {
		id := fmt.Sprintf("REFUSED_%d", n)
		ids, h.head[id] = append(ids, id), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	ids = append(ids, "R1", "R2", "R3")
	h.list = func(string) ([]string, string) { return ids, "" }
	h.links = func(id string) (string, string) { return strings.Replace(id, "R", "A_", 1), "" }
	h.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	stop, log := fx.against(t, h, func(c *courier.Config) { c.MostBackoff = time.Hour })
	fx.eventually("reported", func() bool { return len(fx.in(store.Undeliverable)) == 3 })
	stop()
	for _, id := range ids[:12] {
		if h.heads[id] != 1 {
			t.Errorf("%s was asked for %d times within the hour", id, h.heads[id])
		}
	}
	if len(log.lines) == 0 {
		t.Error("nothing was said")
	}
	for _, line := range log.lines {
		harmless(t, 1000, line)
	}
}

// A store that fails ends a round, because no report is the cause.
func TestReportsWaitForTheStore(t *testing.T) {
	fx := newFixture(t, setting{recipients: []string{"A"}})
	fx.publish(1)
	h := newHostileMESH(t)
	h.list = func(string) ([]string, string) { return []string{"R1"}, "" }
	h.links = func(string) (string, string) { return "A_1", "" }
	full := &fullOutbox{Outbox: fx.db}
	full.times.Store(3)
	fx.against(t, h, func(c *courier.Config) { c.Outbox = full })
	fx.eventually("reported", func() bool { return len(fx.in(store.Undeliverable)) == 1 })
}

// fullOutbox cannot store the report the first few times.
type fullOutbox struct {
	courier.Outbox
	times atomic.Int32
}

func (f *fullOutbox) ReportDelivery(ctx context.Context, r store.DeliveryReport) error {
	if f.times.Add(-1) >= 0 {
		return errors.New("the disk is full")
	}
	return f.Outbox.ReportDelivery(ctx, r)
}
