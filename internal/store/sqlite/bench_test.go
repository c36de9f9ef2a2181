package sqlite_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nems/internal/audit"
	"nems/internal/nhs"
	"nems/internal/store"
	"nems/internal/store/sqlite"
	"nems/internal/subscription"
)

// start opens a store in dir and runs it until the test ends.
func start(tb testing.TB, dir string, o sqlite.Options) *sqlite.DB {
	tb.Helper()
	db, err := sqlite.Open(filepath.Join(dir, "nems.db"), o)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := db.Run(ctx); err != nil {
			tb.Error(err)
		}
	})
	tb.Cleanup(func() {
		cancel()
		running.Wait()
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

// benchBody is a message of 11,400 bytes that packs to about 3 KB, as the
// official examples do.
func benchBody() []byte {
	random := rand.New(rand.NewPCG(1, 2))
	b := []byte(`<Bundle xmlns="http://hl7.org/fhir">`)
	for len(b) < 11_400 {
		b = fmt.Appendf(b, `<entry><fullUrl value="urn:uuid:%08x-%04x-4%03x"/><resource><identifier><value value="%d"/></identifier></resource></entry>`,
			random.Uint32(), random.Uint32N(1<<16), random.Uint32N(1<<12), random.Uint32N(1000))
	}
	return b
}

func patientNumber(i int) nhs.NHSNumber {
	for ; ; i++ {
		nine := fmt.Sprintf("9%08d", i*10%100_000_000)
		sum := 0
		for j := range 9 {
			sum += int(nine[j]-'0') * (10 - j)
		}
		check := (11 - sum%11) % 11
		if check == 10 {
			i += 13_000_000
			continue
		}
		n, err := nhs.ParseNHSNumber(fmt.Sprintf("%s%d", nine, check))
		if err == nil {
			return n
		}
	}
}

func explicit(tb testing.TB, n nhs.NHSNumber, mailbox string, events ...string) subscription.Subscription {
	tb.Helper()
	text := "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + n.Digits()
	for _, e := range events {
		text += "&MessageHeader.event=" + e
	}
	c, err := subscription.ParseCriteria(text)
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Now()
	return subscription.Subscription{ID: subscription.NewID(now), ASID: "200000000115", ODS: "RR8", Mailbox: mailbox,
		Criteria: c, Status: subscription.Active, Reason: "benchmark", Created: now, Version: 1}
}

// publishing returns a function that accepts one event about a patient, with
// the five keys that such an event has.
func publishing(db *sqlite.DB) func(ctx context.Context, n nhs.NHSNumber) (store.Receipt, error) {
	message := benchBody()
	body := store.Compress(message, sha256.Sum256(message))
	return func(ctx context.Context, n nhs.NHSNumber) (store.Receipt, error) {
		id := db.NextPosition()
		return db.AcceptEvent(ctx, store.Acceptance{
			Event: id, Code: "vaccinations-1", Kind: "new", Workflow: "VACCINATIONS_1", MessageID: "3cfdf880-13e9-4f6b-8299-53e96ef5ec02",
			Publisher: "300000000161", Body: body,
			Facts: subscription.Facts{EventCode: "vaccinations-1", At: id.Time(), Keys: []subscription.RouteKey{
				{Kind: subscription.ByPatient, Value: n.Digits()}, {Kind: subscription.ByPractice, Value: "B86056"},
				{Kind: subscription.BySubICBOfGP, Value: "02V"}, {Kind: subscription.BySubICBPostcode, Value: "15F"},
				{Kind: subscription.ByLocalAuthority, Value: "E08000035"}, {Kind: subscription.ByCountry, Value: "E92000001"}}},
			Audit: audit.Entry{At: id.Time(), Action: "publish", ASID: "300000000161", ODS: "A83627", User: "https://example.org/users/1",
				Reason: "directcare", Interaction: "urn:nhs:names:services:events:PublishVaccinations.Write", Object: "1",
				EventType: "vaccinations-1", Patient: n, Status: 202},
		})
	}
}

func BenchmarkAcceptEvent(b *testing.B) {
	for _, publishers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("publishers=%d", publishers), func(b *testing.B) {
			db := start(b, b.TempDir(), sqlite.Options{})
			n := patientNumber(1)
			for i := range 3 {
				id := fmt.Sprintf("BOX%d", i)
				if _, err := db.PutMailbox(b.Context(), store.Mailbox{ID: id, ODS: "RR8"}); err != nil {
					b.Fatal(err)
				}
				if err := db.Subscribe(b.Context(), explicit(b, n, id, "vaccinations-1"), audit.Entry{}); err != nil {
					b.Fatal(err)
				}
			}
			accept := publishing(db)
			b.ReportAllocs()
			b.ResetTimer()
			parallel(b, publishers, func() error {
				r, err := accept(context.Background(), n)
				if err == nil && r.Copies != 3 {
					err = fmt.Errorf("%d copies", r.Copies)
				}
				return err
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			s := db.Stats()
			b.ReportMetric(float64(s.Operations)/float64(s.Commits), "ops/commit")
		})
	}
}

// parallel runs f b.N times, in n goroutines.
func parallel(b *testing.B, n int, f func() error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if err := f(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

var _ = os.Getenv
