package simulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"time"

	"nems/internal/mailbox"
	"nems/internal/mesh"
	"nems/internal/store"
	"nems/internal/store/sqlite"
)

const (
	ourMailbox = "X26NEMS"
	sharedKey  = "TestKey"
	outboxPath = "/messageexchange/" + ourMailbox + "/outbox"
)

// errReset is the error of a broken connection.
var errReset = fmt.Errorf("simulated: connection reset: %w", io.ErrUnexpectedEOF)

// farMESH is the MESH that serves the remote mailboxes: the real server with a
// store that does not fail, at the end of a bad connection.
type farMESH struct {
	sim    *simulation
	boxes  *sqlite.DB
	remove func() error
	server *mailbox.Server

	mu sync.Mutex
	// excused counts, by local id, what may cause a second copy without
	// anybody's fault: copies that the MESH itself duplicated, that arrived
	// after their sender had given up, or that tracking denied.
	excused map[string]int
	late    sync.WaitGroup
}

func newMESH(sim *simulation) (*farMESH, error) {
	db, remove, err := openTheirs()
	if err != nil {
		return nil, err
	}
	m := &farMESH{sim: sim, boxes: db, remove: remove, excused: map[string]int{}}
	m.server = mailbox.New(mailbox.Config{Boxes: db, SharedKey: []byte(sharedKey), Now: time.Now})
	return m, nil
}

// line carries the requests of one node to the MESH, badly.
type line struct{ n *simNode }

// RoundTrip implements http.RoundTripper.
func (l line) RoundTrip(r *http.Request) (*http.Response, error) {
	t := l.thread(r)
	if err := t.wait(r.Context(), t.between(200*time.Microsecond, 8*time.Millisecond)); err != nil || l.n.dead.Load() {
		return nil, errors.Join(errReset, err)
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	answer, err := l.disturbed(t, r, body)
	if err != nil {
		return nil, err
	}
	if err := t.wait(r.Context(), t.between(200*time.Microsecond, 8*time.Millisecond)); err != nil || l.n.dead.Load() {
		return nil, errors.Join(errReset, err)
	}
	return answer, nil
}

// thread returns the lane that a request belongs to. A request that belongs to
// no lane is about reports.
func (l line) thread(r *http.Request) *thread {
	to := header(r, "Mex-To")
	if _, row, ok := store.ParseDeliveryID(path.Base(r.URL.Path)); ok && strings.Contains(r.URL.Path, "/tracking/") {
		to = boxes[row-1].ID
	}
	if t, ok := l.n.lanes[to]; ok {
		return t
	}
	return l.n.reports
}

// header returns a header whose name may be in any case.
func header(r *http.Request, name string) string {
	for key, values := range r.Header {
		if strings.EqualFold(key, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// disturbed passes a request to the MESH, or disturbs it.
func (l line) disturbed(t *thread, r *http.Request, body []byte) (*http.Response, error) {
	m := l.n.sim.mesh
	local := header(r, "Mex-LocalID")
	sends := r.Method == http.MethodPost && r.URL.Path == outboxPath
	tracks := strings.Contains(r.URL.Path, "/tracking/")
	switch {
	case t.happens(4):
		t.log("MESH: reset before it arrives")
		return nil, errReset
	case t.happens(4):
		m.serve(r, body)
		t.log("MESH: reset after it arrived")
		return nil, errReset
	case t.happens(2):
		m.serve(r, body)
		t.log("MESH: no answer")
		<-r.Context().Done() // until its own deadline
		return nil, r.Context().Err()
	case t.happens(3):
		return refusal(r, http.StatusServiceUnavailable, mesh.Unavailable), nil
	case t.happens(2):
		m.serve(r, body)
		t.log("MESH: 500 after it arrived")
		return refusal(r, http.StatusInternalServerError, mesh.Internal), nil
	case t.happens(3):
		return refusal(r, http.StatusForbidden, mesh.InvalidToken), nil
	case sends && t.happens(2):
		t.log("MESH: 417")
		return refusal(r, http.StatusExpectationFailed, mesh.NotRegistered), nil
	case sends && t.happens(1):
		return nil, m.later(t, r, body, local)
	case sends && t.happens(2):
		answer := m.serve(r, body)
		m.double(r.Context(), local)
		t.log("MESH: doubled")
		return answer, nil
	case tracks && t.happens(4):
		m.excuse(path.Base(r.URL.Path))
		t.log("MESH: tracking denied")
		return refusal(r, http.StatusNotFound, mesh.NoSuchMessage), nil
	}
	answer := m.serve(r, body)
	if tracks && answer.StatusCode == http.StatusMultipleChoices {
		m.excuse(path.Base(r.URL.Path)) // several have the local id, and the answer does not say which one
	}
	return answer, nil
}

func refusal(r *http.Request, status int, e *mesh.Error) *http.Response {
	w := httptest.NewRecorder()
	w.WriteHeader(status)
	_, _ = w.Write(e.Body(mesh.V2, ""))
	answer := w.Result()
	answer.Request = r
	return answer
}

// serve returns the MESH's answer.
func (m *farMESH) serve(r *http.Request, body []byte) *http.Response {
	inner := r.Clone(context.Background())
	inner.Body, inner.RequestURI = io.NopCloser(bytes.NewReader(body)), r.URL.RequestURI()
	w := httptest.NewRecorder()
	m.server.ServeHTTP(w, inner)
	answer := w.Result()
	answer.Request = r
	return answer
}

// later lets a request arrive after its sender has given up.
func (m *farMESH) later(t *thread, r *http.Request, body []byte, local string) error {
	m.excuse(local)
	behind := m.sim.thread(t.name + " late")
	t.log("MESH: will arrive late")
	m.late.Go(func() {
		<-r.Context().Done()
		behind.sleep(time.Second, 20*time.Second)
		m.serve(r, body)
		behind.log("MESH: arrived late")
	})
	<-r.Context().Done()
	return r.Context().Err()
}

func (m *farMESH) excuse(local string) {
	if local == "" {
		m.sim.book.wrong("a send without a local id")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.excused[local]++
}

// double makes a second copy of what was sent with a local id.
func (m *farMESH) double(ctx context.Context, local string) {
	ctx = context.WithoutCancel(ctx)
	found, err := m.boxes.SentByLocalID(ctx, ourMailbox, local)
	if err != nil || len(found) == 0 {
		return
	}
	var b bytes.Buffer
	if err := m.boxes.Chunk(ctx, &found[0], 1, &b); err != nil {
		m.sim.book.wrong("the MESH cannot read a message: %v", err)
		return
	}
	twin := found[0]
	twin.Position = m.boxes.NextPosition()
	if err := m.boxes.Send(ctx, twin, b.Bytes(), nil); err != nil {
		m.sim.book.wrong("the MESH cannot double a message: %v", err)
		return
	}
	m.excuse(local)
}

// report makes the MESH give up on a message that it accepted, which sends us a REPORT.
func (m *farMESH) report(t *thread) {
	ctx := context.Background()
	sent, err := m.boxes.Outbox(ctx, ourMailbox, m.sim.began, 0, 100)
	if err != nil || len(sent) == 0 {
		return
	}
	message := sent[t.below(len(sent))]
	if message.Status != store.Waiting {
		return
	}
	ours, err := m.boxes.Mailbox(ctx, ourMailbox)
	if err != nil {
		return
	}
	message.Status, message.StatusAt = store.Undeliverable, time.Now()
	err = m.boxes.SetStatus(ctx, message, &store.Message{
		Position: m.boxes.NextPosition(), Mailbox: ours.Row, Sender: message.Recipient, Recipient: ourMailbox, Type: store.Report,
		Workflow: message.Workflow, LocalID: message.LocalID, Status: store.Waiting, StatusAt: time.Now(), Chunks: 1,
		LinkedID: "THEIRS", ErrorCode: "14", ErrorEvent: "SEND", ErrorText: "not collected", Expires: time.Now().Add(24 * time.Hour),
	})
	t.log("MESH: reports %v", err == nil)
}
