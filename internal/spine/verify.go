package spine

import (
	"crypto/sha256"

	"github.com/go-jose/go-jose/v4"
)

// verifiedAtMost is how many verified tokens each of the two generations
// remembers: about 64 bytes each.
const verifiedAtMost = 4096

// signatureAlgorithms are the algorithms that signed tokens may use. The
// token's header only chooses among them, and only a key of the same kind
// verifies it.
var signatureAlgorithms = []jose.SignatureAlgorithm{jose.RS512, jose.ES256}

// verifiedTokens remembers which signatures have been verified, so that a token
// that is used again costs only a hash. It keeps the SHA-256 of the token and the
// thumbprint of the key that verified it. Claims and rights are checked each
// time, and the key must still be registered.
type verifiedTokens struct{ recent[[32]byte, [32]byte] }

// verify reports whether one of the keys signed the token.
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

// signedBy verifies the signature. If one of the keys has the token's key id,
// only that key is tried. Without a key id, each key of the algorithm is tried.
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

// Verify reports whether one of the keys signed a token in compact form, with the
// algorithm of that key. It looks at nothing that the token says.
func (k Keys) Verify(compact string) bool {
	signed, err := jose.ParseSignedCompact(compact, signatureAlgorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return false
	}
	header := signed.Signatures[0].Header
	_, ok := signedBy(token{raw: compact, algorithm: header.Algorithm, keyID: header.KeyID}, k)
	return ok
}
