package sqs

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/store"
)

// memory has one mailbox, whose messages are held until they are acknowledged.
type memory struct {
	mu       sync.Mutex
	messages map[store.EventID]store.Message
	bodies   map[store.EventID][]byte
	last     store.EventID
	fails    bool
}

var memoryBox = store.Mailbox{Row: 1, ID: "BOX", ODS: "RR8", Password: "secret"}

func (m *memory) Mailbox(_ context.Context, id string) (store.Mailbox, error) {
	if m.fails {
		panic("a defect")
	}
	if !strings.EqualFold(id, "BOX") {
		return store.Mailbox{}, store.ErrNotFound
	}
	return memoryBox, nil
}

func (m *memory) Count(context.Context, int64) (int, error) { return len(m.messages), nil }

func (m *memory) Message(_ context.Context, _ int64, p store.EventID) (store.Message, error) {
	found, ok := m.messages[p]
	if !ok {
		return found, store.ErrNotFound
	}
	return found, nil
}

func (m *memory) Chunk(_ context.Context, of *store.Message, _ int, w io.Writer) error {
	_, err := w.Write(m.bodies[of.Position])
	return err
}

func (m *memory) Acknowledge(_ context.Context, _ int64, p store.EventID, _ time.Time, _ *audit.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.messages, p)
	return nil
}

func (m *memory) Send(_ context.Context, one store.Message, body []byte, _ *audit.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.messages[one.Position], m.bodies[one.Position] = one, body
	return nil
}

func (*memory) Restricted(context.Context, string) (w store.Workflow, ok bool, err error) { return }

func (*memory) SentByLocalID(context.Context, string, string) ([]store.Message, error) {
	return nil, nil
}

func (m *memory) NextPosition() store.EventID {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last++
	return m.last
}

func (*memory) Reset(context.Context, int64) error { return nil }

func (*memory) Mailboxes(context.Context) ([]store.Mailbox, error) {
	return []store.Mailbox{memoryBox}, nil
}
func (*memory) PutMailbox(context.Context, store.Mailbox) (int64, error) { return 2, nil }

func (m *memory) AnyFree(context.Context, int64) (bool, error) { return len(m.messages) > 0, nil }

func (m *memory) Take(_ context.Context, _ int64, _ time.Duration, most int) (out []store.Taken, err error) {
	for p := range m.messages {
		out = append(out, store.Taken{Position: p, Takes: 1})
	}
	slices.SortFunc(out, func(a, b store.Taken) int { return int(a.Position - b.Position) })
	return out[:min(most, len(out))], nil
}
func (*memory) Hold(context.Context, int64, store.Taken, time.Duration) error    { return nil }
func (*memory) Delay(context.Context, int64, store.EventID, time.Duration) error { return nil }
func (*memory) LetGo(int64, store.EventID) error                                 { return nil }
func (*memory) SweepHeld(context.Context, int) (int, error)                      { return 0, nil }
func (*memory) HeldNow(context.Context, int64) (store.Held, error)               { return store.Held{}, nil }

func newMemory() *memory {
	return &memory{messages: map[store.EventID]store.Message{}, bodies: map[store.EventID][]byte{}}
}

func newTestServer(m *memory) *Server {
	return New(Config{Boxes: m, Queues: m, Open: true, Base: func(*http.Request) string { return "http://here" }})
}

// ask sends a request, and returns what was answered.
func ask(s *Server, operation, body string, change ...func(*http.Request)) (status int, code, text string) {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set(target, targetPrefix+operation)
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	code, _, _ = strings.Cut(w.Header().Get("X-Amzn-Query-Error"), ";")
	return w.Code, code, w.Body.String()
}

// Whatever comes in, the answer has SQS's form and says what is wrong.
func TestHostileRequests(t *testing.T) {
	s := newTestServer(newMemory())
	const queue = `"QueueUrl":"http://here/000000000000/BOX"`
	for name, c := range map[string]struct {
		operation, body string
		change          func(*http.Request)
		code            string
	}{
		"no operation":       {code: "UnknownOperationException"},
		"another operation":  {operation: "Explode", code: "UnknownOperationException"},
		"GET":                {operation: "ListQueues", change: func(r *http.Request) { r.Method = http.MethodGet }, code: "UnknownOperationException"},
		"another service":    {change: func(r *http.Request) { r.Header.Set(target, "DynamoDB.ListTables") }, code: "UnknownOperationException"},
		"no body":            {operation: "ListQueues", code: "SerializationException"},
		"an array":           {operation: "ListQueues", body: "[]", code: "SerializationException"},
		"a deep one":         {operation: "ListQueues", body: strings.Repeat(`{"a":`, 100_000), code: "SerializationException"},
		"a wrong type":       {operation: "ReceiveMessage", body: `{` + queue + `,"MaxNumberOfMessages":"one"}`, code: "SerializationException"},
		"a fraction":         {operation: "ReceiveMessage", body: `{` + queue + `,"MaxNumberOfMessages":1.5}`, code: "SerializationException"},
		"too large":          {operation: "SendMessage", body: `{"MessageBody":"` + strings.Repeat("x", mostBody) + `"}`, code: "InvalidParameterValue"},
		"no queue":           {operation: "ReceiveMessage", body: `{}`, code: "MissingParameter"},
		"a foreign queue":    {operation: "ReceiveMessage", body: `{"QueueUrl":"http://[::1/../../etc/passwd"}`, code: former + "NonExistentQueue"},
		"a negative wait":    {operation: "ReceiveMessage", body: `{` + queue + `,"WaitTimeSeconds":-1}`, code: "InvalidParameterValue"},
		"a long hold":        {operation: "ReceiveMessage", body: `{` + queue + `,"VisibilityTimeout":43201}`, code: "InvalidParameterValue"},
		"a long message":     {operation: "SendMessage", body: `{` + queue + `,"MessageBody":"` + strings.Repeat("x", MostBytes+1) + `"}`, code: "InvalidParameterValue"},
		"a surrogate":        {operation: "SendMessage", body: `{` + queue + `,"MessageBody":"\ufffe"}`, code: "InvalidMessageContents"},
		"a reserved name":    {operation: "SendMessage", body: `{` + queue + `,"MessageBody":"x","MessageAttributes":{"AWS.x":{"DataType":"String","StringValue":"x"}}}`, code: "InvalidParameterValue"},
		"two values":         {operation: "SendMessage", body: `{` + queue + `,"MessageBody":"x","MessageAttributes":{"x":{"DataType":"String","StringValue":"x","BinaryValue":"eA=="}}}`, code: "InvalidParameterValue"},
		"a type":             {operation: "SendMessage", body: `{` + queue + `,"MessageBody":"x","MessageAttributes":{"x":{"DataType":"Map","StringValue":"x"}}}`, code: "InvalidParameterValue"},
		"of a FIFO queue":    {operation: "SendMessage", body: `{` + queue + `,"MessageBody":"x","MessageDeduplicationId":"1"}`, code: "InvalidParameterValue"},
		"a FIFO queue":       {operation: "CreateQueue", body: `{"QueueName":"a.fifo"}`, code: former + "UnsupportedOperation"},
		"a queue of slashes": {operation: "CreateQueue", body: `{"QueueName":"a/b c"}`, code: "InvalidParameterValue"},
		"a long delay":       {operation: "SendMessage", body: `{` + queue + `,"MessageBody":"x","DelaySeconds":901}`, code: "InvalidParameterValue"},
		"a foreign handle":   {operation: "DeleteMessage", body: `{` + queue + `,"ReceiptHandle":"` + handle(2, store.Taken{Position: 1}) + `"}`, code: "ReceiptHandleIsInvalid"},
		"a negative handle":  {operation: "DeleteMessage", body: `{` + queue + `,"ReceiptHandle":"` + handle(1, store.Taken{Position: -1}) + `"}`, code: "ReceiptHandleIsInvalid"},
		"an id of an entry":  {operation: "DeleteMessageBatch", body: `{` + queue + `,"Entries":[{"Id":"a b","ReceiptHandle":"x"}]}`, code: former + "InvalidBatchEntryId"},
	} {
		change := c.change
		if change == nil {
			change = func(*http.Request) {}
		}
		status, code, text := ask(s, c.operation, c.body, change)
		var said struct {
			Type string `json:"__type"`
		}
		if err := json.Unmarshal([]byte(text), &said); err != nil || code != c.code || status/100 != 4 || !strings.HasPrefix(said.Type, "com.amazonaws.sqs#") {
			t.Errorf("%s: %d %s %.200s", name, status, code, text)
		}
	}
	broken := newMemory()
	broken.fails = true
	var log strings.Builder
	failing := newTestServer(broken)
	failing.Log = slog.New(slog.NewTextHandler(&log, nil))
	if status, code, text := ask(failing, "ReceiveMessage", `{`+queue+`}`); status != http.StatusInternalServerError || code != "InternalFailure" || strings.Contains(text, "defect") {
		t.Errorf("a defect: %d %s %s", status, code, text)
	}
	if said := log.String(); strings.Contains(said, "a defect") || !strings.Contains(said, "stack=") {
		t.Errorf("a defect: expected its place in the log, without its text; received %s", said)
	}
}

// One caller leaves room for the others.
func TestPlaces(t *testing.T) {
	p := newPlaces(2, 3)
	first, ok := p.take("A")
	_, second := p.take("A")
	_, third := p.take("A")
	_, other := p.take("B")
	_, full := p.take("C")
	if !ok || !second || third || !other || full {
		t.Errorf("%t %t %t %t %t", ok, second, third, other, full)
	}
	if first(); p.taken["A"] != 1 {
		t.Errorf("%v", p.taken)
	}
}

// What a queue cannot carry is named, and an answer has at most 1 MiB.
func TestWhatIsReceived(t *testing.T) {
	m := newMemory()
	s := newTestServer(m)
	put := func(body string, change func(*store.Message)) {
		one, _ := s.newMessage(store.Mailbox{}, memoryBox, []byte(body), nil)
		if change != nil {
			change(&one)
		}
		_ = m.Send(t.Context(), one, []byte(body), nil)
	}
	receive := func() (out receiveOutput) {
		_, _, text := ask(s, "ReceiveMessage", `{"QueueUrl":"BOX","MaxNumberOfMessages":10}`)
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			t.Fatal(err)
		}
		clear(m.messages)
		return out
	}
	put("text", nil)
	put("\x00", nil)
	put("x", func(one *store.Message) { one.Chunks = 3 })
	put("", func(one *store.Message) { one.Type, one.LinkedID, one.ErrorCode = store.Report, "LINKED", "14" })
	got := receive().Messages
	if len(got) != 4 || got[0].Body != "text" || !strings.Contains(got[1].Body, `"dataref":"/messageexchange/BOX/inbox/`) || !strings.Contains(got[2].Body, `"type":"DATA"`) ||
		!strings.Contains(got[3].Body, `"linkedId":"LINKED"`) {
		t.Errorf("received %+v", got)
	}
	for range 3 {
		put(strings.Repeat("x", MostBytes/2), nil)
	}
	if got := receive().Messages; len(got) != 2 {
		t.Errorf("received %d large messages", len(got))
	}
}

// FuzzRequest: no body makes the server fail.
func FuzzRequest(f *testing.F) {
	for _, body := range []string{
		`{}`, `{"QueueUrl":"BOX"}`, `{"QueueUrl":"http://a/000000000000/BOX","MessageBody":"x","MessageAttributes":{"a":{"DataType":"Binary","BinaryValue":"AA=="}}}`,
		`{"QueueUrl":"BOX","Entries":[{"Id":"a","MessageBody":"x","ReceiptHandle":"AAAAAAAAAAEAAAAAAAAAAQAAAAE","VisibilityTimeout":0}]}`, `{"QueueName":"BOX"}`, `{"QueueUrl":"BOX","AttributeNames":["All"]}`,
	} {
		for name := range operations {
			f.Add(name, body)
		}
	}
	f.Fuzz(func(t *testing.T, operation, body string) {
		if strings.Contains(body, "WaitTimeSeconds") {
			return
		}
		status, code, text := ask(newTestServer(newMemory()), operation, body)
		if status >= http.StatusInternalServerError || (status == http.StatusOK) != (code == "") || !json.Valid([]byte(text)) {
			t.Errorf("%s %q: %d %s %s", operation, body, status, code, text)
		}
	})
}
