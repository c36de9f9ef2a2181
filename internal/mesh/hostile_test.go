package mesh

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// nasty is a text with characters on which a terminal, a table or a path would act.
const nasty = "\x1b[2J\u009b31m\r\nnems: all is well\u202e\u2028\xff../../etc"

// harmless fails for a text that is longer than most or has characters that cannot be shown.
func harmless(t *testing.T, what, s string, most int) {
	t.Helper()
	if len(s) > most || !utf8.ValidString(s) {
		t.Errorf("%s: %d bytes of at most %d: %.100q", what, len(s), most, s)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			t.Errorf("%s: %U in %.100q", what, r, s)
			return
		}
	}
}

// raw answers with bytes that net/http would not write.
func raw(t *testing.T, text string) http.HandlerFunc {
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

func written(status int, body any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
}

// Whatever a MESH answers, an error of the client is one short line.
func TestErrorsAreShortAndPlain(t *testing.T) {
	huge := strings.Repeat(nasty, 1<<18) // 10 MB
	detail := func(event, code, text string) any {
		return map[string]any{"message_id": nasty, "detail": []any{map[string]any{"event": event, "code": code, "msg": text}}}
	}
	for name, answer := range map[string]http.HandlerFunc{
		"nasty, version 2":   written(417, detail(nasty, nasty, nasty)),
		"nasty, version 1":   written(417, map[string]string{"messageID": nasty, "errorEvent": nasty, "errorCode": nasty, "errorDescription": nasty}),
		"long":               written(417, detail(huge[:9000], huge[:9000], huge[:9000])),
		"10 MB":              written(500, detail(nasty, nasty, huge)),
		"10 MB of no JSON":   raw(t, "HTTP/1.1 500 no\r\n\r\n"+huge),
		"10 MB accepted":     written(202, map[string]string{"message_id": huge}),
		"nasty id":           written(202, map[string]string{"message_id": "20200529155357895317_3573F8/" + nasty}),
		"status line":        raw(t, "HTTP/1.1 \x1b[2J"+huge[:5000]+"\r\n\r\n"),
		"no header":          raw(t, "HTTP/1.1 202 OK\r\n"+strings.ReplaceAll(huge[:5000], "\n", "")+"\r\n\r\n"),
		"header of 300 KB":   raw(t, "HTTP/1.1 202 OK\r\nmex-a: "+strings.Repeat("a", 300<<10)+"\r\ncontent-length: 20\r\n\r\n"+`{"message_id":"GOOD"}`),
		"header of 3,000 ×":  raw(t, "HTTP/1.1 202 OK\r\n"+strings.Repeat("mex-a: "+strings.Repeat("a", 100)+"\r\n", 3000)+"content-length: 20\r\n\r\n"+`{"message_id":"GOOD"}`),
		"location":           raw(t, "HTTP/1.1 302 Found\r\nlocation: http://\u009b31m/\r\ncontent-length: 0\r\n\r\n"),
		"no JSON":            raw(t, "HTTP/1.1 202 OK\r\n\r\n"+huge[:5000]),
		"JSON of other form": written(202, map[string]any{"message_id": map[string]string{nasty: huge[:5000]}}),
	} {
		t.Run(name, func(t *testing.T) {
			c := against(t, answer)
			id, err := c.Send(t.Context(), Outgoing{Headers: Headers{To: "B", WorkflowID: "W"}, Body: strings.NewReader("x"), Size: 1})
			if err == nil {
				t.Fatalf("accepted as %.100q", id)
			}
			harmless(t, "error", err.Error(), 750)
			var e *Error
			if errors.As(err, &e) {
				harmless(t, "code", e.Code, 64)
				harmless(t, "event", e.Event, 64)
				harmless(t, "description", e.Description, 500)
				harmless(t, "message id", e.MessageID, 0)
			}
		})
	}
}

// Ids that no message can have are neither listed nor requested.
func TestStrangeIDs(t *testing.T) {
	strange := []string{"", ".", "..", "../../etc", "a/b", "a%2Fb", `a\b`, "a b", "a\n", nasty, "a?b", "a#b", "é", "a:b", strings.Repeat("a", 101)}
	good := []string{"20200529155357895317_3573F8", strings.Repeat("a", 100), "9f8c-11"}
	asked := 0
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		written(200, map[string]any{"messages": append(append([]string{}, strange...), good...), "links": map[string]string{"next": "/x?continue_from=" + strings.Repeat("a", 1001)}})(w, r)
	})
	in, err := c.List(t.Context(), ListQuery{})
	if err != nil || !reflect.DeepEqual(in.Messages, good) || in.Strange != len(strange) || in.Next != "" {
		t.Errorf("%+v, %v", in, err)
	}
	for _, id := range strange {
		_, head := c.Head(t.Context(), id)
		_, download := c.Download(t.Context(), id)
		_, track := c.Track(t.Context(), id)
		for _, err := range []error{head, download, track, c.Acknowledge(t.Context(), id)} {
			if !errors.Is(err, ErrMessageID) || Temporary(err) {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
	if asked != 1 {
		t.Errorf("%d requests", asked)
	}
}

// A page of the inbox and a look-up are limited in length.
func TestListsEnd(t *testing.T) {
	many := func(n int, element string) string { return strings.TrimSuffix(strings.Repeat(element+",", n), ",") }
	list := func(body string) (Inbox, error) {
		return against(t, raw(t, "HTTP/1.1 200 OK\r\n\r\n"+body)).List(t.Context(), ListQuery{})
	}
	in, err := list(`{"messages":[` + many(6000, `"A"`) + `],"approx_inbox_count":-1}`)
	if err != nil || len(in.Messages) != MaxPage || in.Count != 0 {
		t.Errorf("%d, %v", len(in.Messages), err)
	}
	if _, err := list(`{"messages":[` + many(400_000, `"A"`) + `]}`); !errors.Is(err, ErrTooMuch) {
		t.Error(err)
	}
	for _, body := range []string{`{"messages":{}}`, `{"messages":[1]}`, `{"messages":"` + "A" + `"}`, `[]`} {
		if in, err := list(body); err == nil {
			t.Errorf("%s: %+v", body, in)
		}
	}
	look := func(n int) ([]Endpoint, error) {
		name, _ := json.Marshal(nasty)
		return against(t, raw(t, "HTTP/1.1 200 OK\r\n\r\n"+`{"results":[`+many(n, `{"address":`+string(name)+`,"mailbox_name":`+string(name)+`}`)+`]}`)).LookupWorkflow(t.Context(), "W")
	}
	if all, err := look(10_000); err != nil || len(all) != 10_000 {
		t.Errorf("%d, %v", len(all), err)
	} else {
		harmless(t, "mailbox", all[0].Mailbox, 100)
		harmless(t, "name", all[0].Name, 300)
	}
	if _, err := look(10_001); !errors.Is(err, ErrTooMuch) {
		t.Error(err)
	}
}

// The headers of a message, and the tracking data of a message that was sent, are plain and limited
// in length.
func TestTextsOfMessages(t *testing.T) {
	long := strings.Repeat("\u009bé", 1000)
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		for _, text := range new(Headers).texts() {
			w.Header()[text.name] = []string{long}
		}
		w.Header().Set("Content-Type", long)
		if strings.Contains(r.URL.Path, "tracking") {
			said := map[string]string{}
			for _, name := range []string{"message_id", "local_id", "workflow_id", "filename", "recipient", "status", "status_code", "status_event", "status_description", "upload_timestamp", "expiry_time"} {
				said[name] = long + nasty
			}
			_ = json.NewEncoder(w).Encode(said)
		}
	})
	head, err := c.Head(t.Context(), "A")
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.Download(t.Context(), "A")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Body.Close()
	harmless(t, "media type", d.MediaType, 100)
	track, err := c.Track(t.Context(), "A")
	if err != nil {
		t.Fatal(err)
	}
	for _, said := range []any{head, d.Headers, track} {
		v := reflect.ValueOf(said)
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if s, ok := v.Field(i).Interface().(string); ok && name != "PartnerID" {
				harmless(t, name, s, 500)
				if strings.HasSuffix(name, "MessageID") && s != "" || name == "LinkedMsgID" && s != "" || strings.HasSuffix(name, "Code") && len(s) > 64 {
					t.Errorf("%s: %.100q", name, s)
				}
			}
		}
	}
	harmless(t, "partner id", head.PartnerID, 5000)
}

func FuzzReadError(f *testing.F) {
	f.Add(417, NotRegistered.Body(V2, "x"))
	f.Add(417, NotRegistered.Body(V1, ""))
	f.Add(500, []byte(`{"detail":[{"msg":"\u001b[2J","code":"`+nasty+`"}]}`))
	f.Add(200, []byte("[[[["))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := ReadError(status, body)
		harmless(t, "error", e.Error(), 700)
		if e.MessageID != "" && !IsMessageID(e.MessageID) {
			t.Errorf("id %q", e.MessageID)
		}
	})
}

func FuzzInbox(f *testing.F) {
	for _, body := range []string{
		`{"messages":["A","../B"],"links":{"self":"/x","next":"/x?continue_from=A"},"approx_inbox_count":2}`,
		`{"messages":null}`, `{"messages":[null]}`, `{"links":{"next":"http://x/%zz?continue_from=%"}}`, `{"messages":["A"]`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var a inboxAnswer
		if json.Unmarshal(body, &a) != nil {
			return
		}
		in, err := a.inbox()
		if err != nil {
			return
		}
		if len(in.Messages)+in.Strange > MaxPage || len(in.Next) > 1000 || in.Count < 0 {
			t.Errorf("%d and %d, %d, %d", len(in.Messages), in.Strange, len(in.Next), in.Count)
		}
		for _, id := range in.Messages {
			if !IsMessageID(id) {
				t.Errorf("id %q", id)
			}
		}
	})
}

func FuzzAnswerHeaders(f *testing.F) {
	f.Add("mex-statusdescription", nasty, "Mex-LinkedMsgID", "../x")
	f.Add("mex-chunk-range", "1:2", "mex-statustimestamp", "20260101000000")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		h := readAnswer(http.Header{name1: {value1}, name2: {value2}})
		for _, text := range h.texts() {
			harmless(t, text.name, *text.value, text.most)
		}
		if h.LinkedMsgID != "" && !IsMessageID(h.LinkedMsgID) || h.Chunk.Total > MaxChunks {
			t.Errorf("%+v", h)
		}
		_ = fmt.Sprint(h)
	})
}
