package pds

import (
	"fmt"
	"testing"
	"time"

	"nems/internal/directory"
	"nems/internal/directory/pds/pdstest"
	"nems/internal/nhs"
)

// The cache keeps what was used last, and never more than its size.
func TestCacheIsBounded(t *testing.T) {
	now := time.Unix(1e9, 0)
	c := newCache(3)
	var numbers []nhs.NHSNumber
	for i := 0; len(numbers) < 100; i++ {
		if n, err := nhs.ParseNHSNumber(fmt.Sprintf("%010d", 4010000000+i)); err == nil {
			numbers = append(numbers, n)
		}
	}
	for _, n := range numbers {
		c.put(n, answer{absent: true}, now, time.Minute, c.state())
		if _, found := c.get(numbers[0], now); !found {
			t.Fatal("the one in use went")
		}
		if len(c.entries) > 3 || c.order.Len() != len(c.entries) {
			t.Fatalf("%d entries, %d in order", len(c.entries), c.order.Len())
		}
	}
	state := c.state()
	c.forget(numbers[0])
	c.put(numbers[0], answer{absent: true}, now, time.Minute, state)
	if _, found := c.get(numbers[0], now); found {
		t.Error("an answer of before forgetting was kept")
	}
	c.put(numbers[0], answer{absent: true}, now, time.Minute, c.state())
	if _, found := c.get(numbers[0], now.Add(-time.Nanosecond)); found {
		t.Error("an answer of the future was given")
	}
}

func BenchmarkCached(b *testing.B) {
	c, err := New(Config{Base: "https://pds.example/R4", TokenURL: "https://pds.example/token", APIKey: "a", KeyID: "k", Key: pdstest.Key(), TTL: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	p := directory.Patient{NHSNumber: pdstest.Stranger.NHSNumber, Family: "A", Given: []string{"B", "C"}}
	c.cache.put(p.NHSNumber, answer{patient: p}, c.Now(), c.TTL, 0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Patient(b.Context(), p.NHSNumber); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseRecord(b *testing.B) {
	body := []byte(with(`,"name":[{"use":"usual","period":{"start":"2001-01-01"},"family":"A","given":["B","C"]}],"birthDate":"2001-01-01",` +
		`"address":[{"use":"home","postalCode":"LS1 6AE"}],"meta":{"security":[{"code":"U"}]}`))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := parseRecord(body)
		if err != nil {
			b.Fatal(err)
		}
		r.patient(r.id, time.Unix(1e9, 0))
	}
}
