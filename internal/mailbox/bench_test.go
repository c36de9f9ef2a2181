package mailbox_test

import (
	"crypto/sha256"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"nems/internal/audit"
	"nems/internal/mesh"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/store/storetest"
)

// BenchmarkHandler measures a request without the network.
func BenchmarkHandler(b *testing.B) {
	fx := newFixture(b)
	id := fx.send("ALICE", "BOB", "W", strings.Repeat("x", 11<<10))
	signer := mesh.NewSigner("BOB", "password", []byte(sharedKey))
	for name, path := range map[string]string{"download": "BOB/inbox/" + id, "list": "BOB/inbox"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest("GET", "/messageexchange/"+path, nil)
				r.Header.Set("Accept", mesh.MediaV2)
				r.Header.Set("Authorization", signer.Token(testStart))
				answer := httptest.NewRecorder()
				if fx.server.ServeHTTP(answer, r); answer.Code != 200 {
					b.Fatal(answer.Code)
				}
			}
		})
	}
}

// The other benchmarks run over HTTP and SQLite on disk, with clients and
// server in one process, 8 clients for each processor.

func benchSend(b *testing.B, c *mesh.Client, size int) string {
	id, err := c.Send(ctx, mesh.Outgoing{
		Headers: mesh.Headers{To: "BOB", WorkflowID: "W"}, Body: strings.NewReader(strings.Repeat("x", size)), Size: int64(size),
	})
	if err != nil {
		b.Error(err)
	}
	return id
}

func BenchmarkSend(b *testing.B) {
	fx := newFixture(b)
	alice := fx.client("ALICE")
	b.SetParallelism(8)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			benchSend(b, alice, 11<<10)
		}
	})
}

func BenchmarkDownload(b *testing.B) {
	fx := newFixture(b)
	id := benchSend(b, fx.client("ALICE"), 11<<10)
	bob := fx.client("BOB")
	b.SetParallelism(8)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			read(b, bob, id)
		}
	})
}

func BenchmarkAcknowledge(b *testing.B) {
	fx := newFixture(b)
	alice, bob := fx.client("ALICE"), fx.client("BOB")
	ids := make([]string, b.N)
	for i := range ids {
		ids[i] = benchSend(b, alice, 100)
	}
	var next atomic.Int64
	b.SetParallelism(8)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := bob.Acknowledge(ctx, ids[next.Add(1)-1]); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkList(b *testing.B) {
	for _, depth := range []int{500, 5000} {
		b.Run(fmt.Sprint(depth), func(b *testing.B) {
			fx := newFixture(b)
			alice, bob := fx.client("ALICE"), fx.client("BOB")
			for range depth {
				benchSend(b, alice, 10)
			}
			b.SetParallelism(8)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if in, err := bob.List(ctx, mesh.ListQuery{}); err != nil || len(in.Messages) != 500 {
						b.Errorf("%d messages, %v", len(in.Messages), err)
					}
				}
			})
		})
	}
}

// BenchmarkCollect measures what a subscriber does for each copy of an event:
// list, download, acknowledge.
func BenchmarkCollect(b *testing.B) {
	fx := newFixture(b)
	ids := fx.copies(b.N)
	bob := fx.client("BOB")
	var next atomic.Int64
	b.SetParallelism(8)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := bob.List(ctx, mesh.ListQuery{Max: 10}); err != nil {
				b.Error(err)
			}
			id := ids[next.Add(1)-1]
			read(b, bob, id)
			if err := bob.Acknowledge(ctx, id); err != nil {
				b.Error(err)
			}
		}
	})
}

// copies files the copies of so many events in BOB's inbox and returns their ids.
func (fx *fixture) copies(n int) []string {
	fx.t.Helper()
	jack, err := nhs.ParseNHSNumber("9912003888")
	if err != nil {
		fx.t.Fatal(err)
	}
	if err := fx.boxes.Subscribe(ctx, storetest.AboutPatient(fx.t, jack, "BOB"), audit.Entry{}); err != nil {
		fx.t.Fatal(err)
	}
	message := []byte(strings.Repeat("<entry/>", 1400))
	body := store.Compress(message, sha256.Sum256(message))
	ids := make([]string, n)
	var g errgroup.Group
	g.SetLimit(64)
	for i := range ids {
		g.Go(func() error {
			a := storetest.EventAbout(fx.boxes.NextPosition(), jack, body)
			a.Patient = jack
			r, err := fx.boxes.AcceptEvent(ctx, a)
			ids[i] = mesh.FormatMessageID(int64(r.Event), 2)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		fx.t.Fatal(err)
	}
	return ids
}
