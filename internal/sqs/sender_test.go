package sqs

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nems/internal/form"
	"nems/internal/lane"
	"nems/internal/store"
)

// queueElsewhere answers as Amazon does, or as a test wants it.
type queueElsewhere struct {
	*httptest.Server
	status   int
	code     string
	received []outgoing
	signed   []string
}

func newQueueElsewhere(t *testing.T) *queueElsewhere {
	q := &queueElsewhere{status: http.StatusOK}
	q.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s, err := readSignature(r.Header.Get("Authorization"))
		if err == nil {
			err = s.verify(r, body, "secret", signedAt)
		}
		if err != nil || r.Header.Get(target) != "AmazonSQS.SendMessage" {
			t.Errorf("signature: %v", err)
		}
		q.signed = append(q.signed, s.keyID+" "+s.region)
		var m outgoing
		_ = json.Unmarshal(body, &m)
		if q.status != http.StatusOK {
			w.Header().Set("X-Amzn-Query-Error", q.code+";Sender")
			w.WriteHeader(q.status)
			_, _ = io.WriteString(w, `{"__type":"com.amazonaws.sqs#Inner","message":"a secret of the network"}`)
			return
		}
		q.received = append(q.received, m)
		_ = json.NewEncoder(w).Encode(sent{MessageId: "1", MD5OfMessageBody: digestOf([]byte(m.MessageBody))})
	}))
	t.Cleanup(q.Close)
	return q
}

// oneEndpoint is the endpoint of every row.
type oneEndpoint struct{ Endpoint }

func (e *oneEndpoint) of(context.Context, int64) (store.Endpoint, error) {
	return store.Endpoint{Mailbox: store.Mailbox{Row: 1, ID: "QUEUE", ODS: "RR8"}, Value: e.Pack()}, nil
}

type endpointFunc func(context.Context, int64) (store.Endpoint, error)

func (f endpointFunc) Endpoint(ctx context.Context, row int64) (store.Endpoint, error) {
	return f(ctx, row)
}

func newTestSender(q *queueElsewhere, body []byte, change func(*SenderConfig, *oneEndpoint)) *Sender {
	e := &oneEndpoint{Endpoint{Target: form.Target{Endpoint: q.URL + "/123456789012/events"}, Form: Message}}
	c := SenderConfig{
		Endpoints: endpointFunc(e.of), Body: func(store.Delivery, store.Event, Endpoint) ([]byte, map[string]string, error) {
			return body, map[string]string{"eventType": "x"}, nil
		},
		Key:   func(string) (Key, error) { return Key{ID: "AKID", Secret: "secret"}, nil },
		Group: func(store.Delivery) string { return "group" },
		Now:   func() time.Time { return signedAt }, Settled: func() time.Time { return signedAt }, Machine: func() time.Time { return signedAt },
		Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}
	if change != nil {
		change(&c, e)
	}
	return NewSender(c)
}

func waiting() store.Delivery {
	return store.Delivery{ID: "delivery", Mailbox: 1, MailboxID: "QUEUE", State: store.Waiting, Accepted: signedAt}
}

// A queue elsewhere is sent what the form says, signed; a FIFO queue in the order of
// its groups, and each delivery once.
func TestSender(t *testing.T) {
	q := newQueueElsewhere(t)
	s := newTestSender(q, []byte("body"), nil)
	d, err := s.Send(t.Context(), store.Lane{}, waiting(), store.Event{})
	if err != nil || d.State != store.Sent || d.Attempts != 1 || len(d.Tries) != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	got := q.received[0]
	if got.MessageBody != "body" || got.QueueUrl != q.URL+"/123456789012/events" || *got.MessageAttributes["eventType"].StringValue != "x" || got.MessageGroupId != "" || q.signed[0] != "AKID eu-west-2" {
		t.Errorf("received %+v, %v", got, q.signed)
	}
	s = newTestSender(q, []byte("body"), func(_ *SenderConfig, e *oneEndpoint) {
		e.Endpoint.Endpoint, e.Region = q.URL+"/123456789012/events.fifo", "eu-west-1"
	})
	if d, err = s.Send(t.Context(), store.Lane{}, waiting(), store.Event{}); err != nil || d.State != store.Sent {
		t.Fatalf("%+v, %v", d, err)
	}
	if got := q.received[1]; got.MessageGroupId != "group" || got.MessageDeduplicationId != "delivery" || q.signed[1] != "AKID eu-west-1" {
		t.Errorf("received %+v, %v", got, q.signed)
	}
	if a, err := s.Test(t.Context(), store.Endpoint{Value: (&oneEndpoint{Endpoint{Target: form.Target{Endpoint: q.URL + "/123456789012/events"}}}).Pack()}); err != nil || a.Why != "" || !strings.Contains(q.received[2].MessageBody, "nems.test-1") {
		t.Errorf("the test: %+v, %v", a, err)
	}
}

// What a queue answers decides how long its lane waits, and whether the copy is to
// blame. Nothing of the answer is shown but codes that are known.
func TestSenderFailures(t *testing.T) {
	q := newQueueElsewhere(t)
	for code, c := range map[string]struct {
		status        int
		content, long bool
	}{
		"RequestThrottled":                        {status: 400},
		"ServiceUnavailable":                      {status: 503},
		"AccessDenied":                            {status: 403, long: true},
		"AWS.SimpleQueueService.NonExistentQueue": {status: 400, long: true},
		"InvalidParameterValue":                   {status: 400, content: true},
		"SecretOfTheNetwork":                      {status: 418},
	} {
		q.status, q.code = c.status, code
		s := newTestSender(q, []byte("body"), nil)
		d, err := s.Send(t.Context(), store.Lane{}, waiting(), store.Event{})
		if err == nil || d.State != store.Waiting || d.Tries[0].Status != c.status || (d.Refusals == 1) != c.content || strings.Contains(strings.ToLower(d.ErrorText), "secret") {
			t.Errorf("%s: %+v, %v", code, d, err)
		}
		if known := !strings.HasPrefix(code, "Secret"); known != strings.Contains(d.ErrorText, code) {
			t.Errorf("%s: %s", code, d.ErrorText)
		}
		if pause := s.Pause(store.Lane{Failures: 1}, err); (pause >= setupPause) != c.long {
			t.Errorf("%s: waits %s", code, pause)
		}
		d.Refusals = lane.MostRefusals - 1
		if d, _ = s.Send(t.Context(), store.Lane{Failures: 4}, d, store.Event{}); (d.State == store.Undeliverable) != c.content {
			t.Errorf("%s, at last: %+v", code, d)
		}
	}
}

func TestSenderRefusesBeforeItSends(t *testing.T) {
	q := newQueueElsewhere(t)
	for name, c := range map[string]struct {
		body   string
		change func(*SenderConfig, *oneEndpoint)
		state  store.State
		why    string
	}{
		"too large":        {body: strings.Repeat("x", MostBytes), state: store.Undeliverable, why: "a queue takes at most 1048576"},
		"wrong characters": {body: "\x01", state: store.Undeliverable, why: "characters"},
		"no form": {change: func(c *SenderConfig, _ *oneEndpoint) {
			c.Body = func(store.Delivery, store.Event, Endpoint) ([]byte, map[string]string, error) {
				return nil, nil, errors.New("no form")
			}
		}, state: store.Undeliverable, why: "no form"},
		"no key":          {body: "x", change: func(c *SenderConfig, _ *oneEndpoint) { c.Key = func(string) (Key, error) { return Key{}, ErrKey } }, state: store.Waiting, why: "no access key"},
		"off":             {body: "x", change: func(_ *SenderConfig, e *oneEndpoint) { e.Off = true }, state: store.Waiting, why: "off"},
		"a private place": {body: "x", change: func(c *SenderConfig, _ *oneEndpoint) { c.Allowed = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }, state: store.Waiting, why: "not allowed"},
		"expired": {body: "x", change: func(c *SenderConfig, _ *oneEndpoint) {
			c.Settled = func() time.Time { return signedAt.Add(lane.GiveUp) }
		}, state: store.Undeliverable, why: "within five days"},
		"an odd address": {body: "x", change: func(_ *SenderConfig, e *oneEndpoint) { e.Endpoint.Endpoint = "ftp://a" }, state: store.Waiting, why: "address"},
	} {
		d, _ := newTestSender(q, []byte(c.body), c.change).Send(t.Context(), store.Lane{Failures: 1}, waiting(), store.Event{})
		if d.State != c.state || !strings.Contains(d.ErrorText, c.why) {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if len(q.received) != 0 {
		t.Errorf("sent: %+v", q.received)
	}
}

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]Address{
		"arn:aws:sqs:eu-west-1:123456789012:a":               {URL: "https://sqs.eu-west-1.amazonaws.com/123456789012/a", Region: "eu-west-1", Account: "123456789012"},
		"arn:aws:sqs:eu-west-2:000000000000:BOX":             {Local: "BOX"},
		"arn:aws:sqs:eu-west-2::BOX":                         {Local: "BOX"},
		"https://sqs.eu-west-1.amazonaws.com/123456789012/a": {URL: "https://sqs.eu-west-1.amazonaws.com/123456789012/a", Region: "eu-west-1", Account: "123456789012"},
		"https://queues.example/123456789012/a":              {URL: "https://queues.example/123456789012/a", Region: Region, Account: "123456789012"},
	} {
		if got, err := ParseAddress(text, "", false); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "arn:aws:sns:eu-west-2:123456789012:a", "arn:aws:sqs:eu-west-2:12:a", "http://a/123456789012/a", "https://a/a", "https://user:word@a/123456789012/a", "https://a/123456789012/a?x=1"} {
		if got, err := ParseAddress(text, "", false); err == nil {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

// A file of credentials is read as Amazon's tools read it; what is not complete is
// no key.
func TestKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	text := "# keys\n[default]\naws_access_key_id = A\naws_secret_access_key=B=\n[other]\nAWS_ACCESS_KEY_ID=C\naws_secret_access_key=D\naws_session_token=E\n[half]\naws_access_key_id=F\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := OpenKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Key{"": {ID: "A", Secret: "B="}, "default": {ID: "A", Secret: "B="}, "other": {"C", "D", "E"}} {
		if got, err := keys.Key(name); err != nil || got != want {
			t.Errorf("%q: %+v, %v", name, got, err)
		}
	}
	if _, err := keys.Key("half"); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
	if _, err := OpenKeys(path + "x"); err == nil {
		t.Error("a file that is not there")
	}
}
