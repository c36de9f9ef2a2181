package spine

import (
	"context"
	"testing"
)

// benchmarkRequests returns a request with an unsigned token, one with a signed
// token, and a door that admits both.
func benchmarkRequests(t testing.TB) (*Door, map[string]Request) {
	p := testPrivate()
	door, _ := signedDoor(t, testKeys(t, &p.ec.PublicKey))
	requests := map[string]Request{"unsigned": createRequest().build()}
	signed := signedBySomeone(t, p.ec, "k1")
	signed.certificate = subscriber.CertificateNames
	requests["signed"] = signed.build()
	return door, requests
}

// BenchmarkEnter checks the door against its budget: 20 microseconds and 40
// allocations for an unsigned token and for a signed one seen before.
func BenchmarkEnter(b *testing.B) {
	door, requests := benchmarkRequests(b)
	for _, kind := range []string{"unsigned", "signed"} {
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := door.Enter(context.Background(), requests[kind]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestEnterAllocatesLittle(t *testing.T) {
	door, requests := benchmarkRequests(t)
	for kind, request := range requests {
		allocations := testing.AllocsPerRun(200, func() {
			if _, err := door.Enter(context.Background(), request); err != nil {
				t.Fatal(err)
			}
		})
		if allocations > 40 {
			t.Errorf("%s: %.0f allocations a request, at most 40 are meant", kind, allocations)
		}
	}
}
