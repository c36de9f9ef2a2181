package spine

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
)

// BenchmarkEnter holds the door to its budget: 20 microseconds and 40
// allocations for an unsigned token and for a signed one seen before.
func BenchmarkEnter(b *testing.B) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	door := testDoor(b, Strict)
	signed := subscriber
	signed.Keys = testKeys(b, &private.PublicKey)
	door.Systems = registry{signed.ASID: signed}
	for _, kind := range []string{"unsigned", "signed"} {
		r := createRequest()
		token := r.token.Unsigned()
		if kind == "signed" {
			if token, err = r.token.Signed(private, "k1"); err != nil {
				b.Fatal(err)
			}
		}
		request := r.build()
		request.Header.Set("Authorization", "Bearer "+token)
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := door.Enter(context.Background(), request); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
