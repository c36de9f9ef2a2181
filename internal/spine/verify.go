package spine

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// verifiedAtMost is how many verified tokens are remembered, twice over: about
// 100 bytes each.
const verifiedAtMost = 4096

// signatureAlgorithms are those that signed tokens may use. The token's header
// only chooses among them, and only a key of its own kind verifies it.
var signatureAlgorithms = []jose.SignatureAlgorithm{jose.RS512, jose.ES256}

// verifiedTokens remembers which signatures have been verified, so that a token
// that is used again costs a hash only. It forgets in two steps: when young is
// full it becomes old and the old ones are dropped. Claims and rights are
// checked anew each time, and the key must be registered still.
type verifiedTokens struct {
	mu         sync.Mutex
	young, old map[[32]byte]verification
}

type verification struct {
	key   [32]byte // thumbprint of the key that verified it
	until time.Time
}

// verify tells whether one of the keys has signed the token.
func (v *verifiedTokens) verify(t token, keys Keys, now time.Time) bool {
	digest := sha256.Sum256([]byte(t.raw))
	if seen, ok := v.find(digest); ok && now.Before(seen.until) && keys.holds(seen.key) {
		return true
	}
	print, ok := signedBy(t, keys)
	if !ok {
		return false
	}
	v.remember(digest, verification{key: print, until: time.Unix(t.claims[expires].number, 0).Add(leeway)})
	return true
}

// signedBy verifies the signature. A key id that the keys have selects the key;
// without one, each key of the algorithm is tried.
func signedBy(t token, keys Keys) (print [32]byte, ok bool) {
	signed, err := jose.ParseSignedCompact(t.raw, signatureAlgorithms)
	if err != nil {
		return print, false
	}
	for i := range keys.list {
		k := &keys.list[i]
		if k.algorithm != t.algorithm || t.keyID != "" && k.jwk.KeyID != "" && k.jwk.KeyID != t.keyID {
			continue
		}
		if _, err := signed.Verify(k.jwk.Key); err == nil {
			return k.print, true
		}
	}
	return print, false
}

func (v *verifiedTokens) find(digest [32]byte) (verification, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	seen, ok := v.young[digest]
	if !ok {
		seen, ok = v.old[digest]
	}
	return seen, ok
}

func (v *verifiedTokens) remember(digest [32]byte, seen verification) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.young) >= verifiedAtMost || v.young == nil {
		v.old, v.young = v.young, make(map[[32]byte]verification)
	}
	v.young[digest] = seen
}
