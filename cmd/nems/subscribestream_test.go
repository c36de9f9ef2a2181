package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"nems/client"
)

// TestSubscribeStream follows a subscription that is there already, until its stream ends.
func TestSubscribeStream(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef"
	acknowledged := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/$stream"):
			fmt.Fprint(w, "retry: 10\n\nid: 5-1\nevent: gap\ndata: {\"reason\":\"purged\",\"from\":1,\"next\":2}\n\n:\n\n",
				"id: 5-2\nevent: message\ndata: {\"number\":2,\"time\":\"2026-03-02T12:00:00Z\",\"event\":{\"id\":\"one\",\"eventtype\":\"vaccinations-1\",\"kind\":\"new\"}}\n\n",
				"id: 5-3\nevent: message\ndata: {\"number\":3,\"time\":\"2026-03-02T12:00:00Z\"}\n\nevent: later\ndata: x\n\nevent: end\ndata: {}\n\n")
		case strings.HasSuffix(r.URL.Path, "/$ack"):
			body, _ := io.ReadAll(r.Body)
			acknowledged = string(body)
			fmt.Fprint(w, `{"epoch":5,"number":3}`)
		default:
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `<OperationOutcome xmlns="http://hl7.org/fhir"><issue><severity value="error"/><diagnostics value="subscription already exists : %s"/></issue></OperationOutcome>`, id)
		}
	}))
	defer server.Close()
	s := &subscribeCmd{NHSNumber: "9912003888", Events: []string{"vaccinations-1"}, ASID: "200000000115", ODS: "RR8",
		streamFlags: streamFlags{Stream: true, Data: t.TempDir()}, connection: connection{URL: server.URL, ToASID: "111111111111"}}
	got := captured(t, func() error { return s.Run(t.Context()) })
	want := `{"place":"5-1","gap":{"reason":"purged","from":1,"next":2}}` + "\n" +
		`{"place":"5-2","number":2,"time":"2026-03-02T12:00:00Z","event":{"id":"one","eventtype":"vaccinations-1","kind":"new"}}` + "\n" +
		`{"place":"5-3","number":3,"time":"2026-03-02T12:00:00Z"}` + "\n"
	if got != want || acknowledged != `{"epoch":5,"number":3}` {
		t.Errorf("%s\nacknowledged %s", got, acknowledged)
	}
}

// On a terminal there is a table.
func TestStreamTable(t *testing.T) {
	var out bytes.Buffer
	o := &streamWriter{w: &out, table: true}
	for _, n := range []client.Numbered{{Gap: &client.Gap{Reason: "purged", Next: 2}}, {Number: 2, Event: &client.Event{EventType: "vaccinations-1", Kind: "new", ID: "one"}}, {Number: 3}} {
		if err := o.print(n); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(out.String(), "\n")
	for i, want := range [][]string{{"NUMBER", "TIME", "EVENT", "KIND", "MESSAGE"}, {"2", "events", "missing:", "purged"}, {"2", "vaccinations-1", "new", "one"}, {"3", "no", "longer", "kept"}} {
		for _, word := range want {
			if !strings.Contains(lines[i], word) {
				t.Errorf("line %d: %q lacks %q", i, lines[i], word)
			}
		}
	}
}
