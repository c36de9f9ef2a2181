package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"nems/internal/access"
)

// BenchmarkBatchCreate creates subscriptions through one connection, in the
// largest batches, durably. The result is creates/s.
func BenchmarkBatchCreate(b *testing.B) {
	const size = 1000
	fx := newFixture(b)
	server := httptest.NewServer(fx.api)
	b.Cleanup(server.Close)
	bodies := make([]string, b.N)
	for n := range bodies {
		entries := make([]entry, size)
		for i := range entries {
			entries[i] = entry{method: "POST", url: "Subscription", resource: resource(leeds, "MAILBOX1234", about(number(n*size+i), vaccine))}
		}
		bodies[n] = batchOf("batch", entries...)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for n, body := range bodies {
		r := fx.request(leeds, "POST", server.URL+"/STU3", access.CreateInteraction, body)
		r.RequestURI = ""
		answer, err := server.Client().Do(r)
		must(b, err)
		text, err := io.ReadAll(answer.Body)
		must(b, err)
		must(b, answer.Body.Close())
		if answer.StatusCode != http.StatusOK {
			b.Fatalf("batch %d: %d %s", n, answer.StatusCode, text)
		}
		if n == 0 {
			recorded := httptest.NewRecorder()
			recorded.Body.Write(text)
			for i, s := range statuses(parse(b, recorded)) {
				if s != "201" {
					b.Fatalf("entry %d: %s", i, s)
				}
			}
		}
	}
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "creates/s")
	b.ReportMetric(0, "ns/op")
}
