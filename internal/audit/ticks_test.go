package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"sync"
	"testing"
	"time"
)

// runTicks runs a keeper through n ticks and its end.
func runTicks(t *testing.T, k *Keeper, n int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	tick := make(chan time.Time)
	var all sync.WaitGroup
	all.Go(func() { k.Run(ctx, tick) })
	for range n {
		tick <- time.Time{}
	}
	cancel()
	all.Wait()
}

// signed signs whatever text as if it were a checkpoint.
func signed(text string, key ed25519.PrivateKey) string {
	return text + " " + base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(text)))
}
