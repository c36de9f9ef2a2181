package spine

import (
	"crypto/sha256"

	"github.com/go-jose/go-jose/v4"
)

// verifiedAtMost is how many verified tokens are remembered, twice over: about
// 64 bytes each.
const verifiedAtMost = 4096

// signatureAlgorithms are those that signed tokens may use. The token's header
// only chooses among them, and only a key of its own kind verifies it.
var signatureAlgorithms = []jose.SignatureAlgorithm{jose.RS512, jose.ES256}

// verifiedTokens remembers which signatures have been verified, so that a token
// that is used again costs a hash only: the SHA-256 of the token, and the
// thumbprint of the key that verified it. Claims and rights are checked anew each
// time, and the key must be registered still.
type verifiedTokens struct{ recent[[32]byte, [32]byte] }

// verify tells whether one of the keys has signed the token.
func (v *verifiedTokens) verify(t token, keys Keys) bool {
	digest := sha256.Sum256([]byte(t.raw))
	if print, seen := v.find(digest); seen && keys.holds(print) {
		return true
	}
	print, ok := signedBy(t, keys)
	if ok {
		v.remember(digest, print, verifiedAtMost)
	}
	return ok
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
