package mesh

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// against returns a client of a test server with the given answers.
func against(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(answer)
	c, err := NewClient(ClientConfig{
		URL: server.URL + "/", Mailbox: "box", Password: "password", SharedKey: key,
		Now: func() time.Time { return noon }, ChunkSize: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); server.Close() })
	return c
}

func TestClientSignsEveryRequest(t *testing.T) {
	seen := map[string]bool{}
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		token, err := ParseToken(r.Header.Get("Authorization"))
		if err != nil || token.Verify(key, "password", noon) != nil || token.Mailbox != "BOX" || seen[token.String()] {
			t.Errorf("%s: token %v, %v", r.URL, token, err)
		}
		seen[token.String()] = true
		if r.Header.Get("Accept") != MediaV2 {
			t.Errorf("Accept %q", r.Header.Get("Accept"))
		}
		_, _ = io.WriteString(w, `{"messages":["a"],"count":3,"results":[]}`)
	})
	ctx := t.Context()
	for range 2 {
		if _, err := c.List(ctx, ListQuery{Max: 10, Workflow: WorkflowFilter{Text: "W"}, Continue: "x"}); err != nil {
			t.Error(err)
		}
		if n, err := c.Count(ctx); n != 3 || err != nil {
			t.Error(n, err)
		}
		if _, err := c.Lookup(ctx, "X26", "A/B"); err != nil {
			t.Error(err)
		}
	}
	if len(seen) != 6 {
		t.Errorf("%d requests", len(seen))
	}
}

// The answers of a MESH, or of a proxy in front of it, and what the client returns for them.
func TestClientErrors(t *testing.T) {
	for name, c := range map[string]struct {
		answer    http.HandlerFunc
		status    int // of an *Error; 0 means another error
		temporary bool
	}{
		"refused": {refusal(NotRegistered), 417, false},
		"busy":    {refusal(Unavailable), 503, true},
		"html":    {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) }, 502, true},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere/", http.StatusFound)
		}, 302, false},
		"no JSON":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) }, 0, true},
		"no id":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202); _, _ = io.WriteString(w, "{}") }, 0, true},
		"broken off":   {brokenOff, 0, true},
		"dropped":      {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, true},
		"no such path": {http.NotFound, 404, false},
	} {
		t.Run(name, func(t *testing.T) {
			client := against(t, c.answer)
			_, err := client.Send(t.Context(), Outgoing{Headers: Headers{To: "B", WorkflowID: "W"}, Body: strings.NewReader("x"), Size: 1})
			var e *Error
			if errors.As(err, &e) != (c.status != 0) || (e != nil && e.Status != c.status) || Temporary(err) != c.temporary {
				t.Errorf("%v, temporary %v", err, Temporary(err))
			}
		})
	}
}

func refusal(e *Error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(e.Status)
		_, _ = w.Write(e.Body(V2, ""))
	}
}

func brokenOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	w.WriteHeader(202)
	_, _ = io.WriteString(w, `{"message_id"`)
}

// A message that fails after its first chunk is distinguished: it has an id,
// and it will never arrive.
func TestSendInPart(t *testing.T) {
	requests := 0
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests == 3 {
			refusal(Unavailable)(w, r)
			return
		}
		w.WriteHeader(202)
		_, _ = io.WriteString(w, `{"message_id":"ID"}`)
	})
	_, err := c.Send(t.Context(), Outgoing{Headers: Headers{To: "B", WorkflowID: "W"}, Body: strings.NewReader("123456789"), Size: 9, Compress: true})
	var part *PartialError
	if !errors.As(err, &part) || part.MessageID != "ID" || !errors.Is(err, Unavailable) || !Temporary(err) {
		t.Errorf("%v", err)
	}
	if _, err := c.Send(t.Context(), Outgoing{Body: strings.NewReader(""), Size: 4*MaxChunks + 1}); err == nil || requests != 3 {
		t.Errorf("too many chunks: %v after %d requests", err, requests)
	}
}

func TestDownloadBreaks(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"second chunk refused": func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/2") {
				refusal(Gone)(w, r)
				return
			}
			w.Header()[HeaderChunkRange] = []string{"1:2"}
			w.WriteHeader(206)
			_, _ = io.WriteString(w, "one")
		},
		"no gzip": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "plain text, no gzip")
		},
		"short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "one")
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := against(t, answer)
			d, err := c.Download(t.Context(), "ID")
			if err != nil {
				return // the first call reports it at once
			}
			defer d.Body.Close()
			if body, err := io.ReadAll(d.Body); err == nil {
				t.Errorf("read %q whole", body)
			}
		})
	}
}

func TestClientStopsWithItsContext(t *testing.T) {
	c := against(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := c.Handshake(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestNewClientRefusesAddresses(t *testing.T) {
	for _, address := range []string{"", "mesh", "ftp://x", "http://", "://"} {
		if _, err := NewClient(ClientConfig{URL: address}); err == nil {
			t.Errorf("%q was taken", address)
		}
	}
}
