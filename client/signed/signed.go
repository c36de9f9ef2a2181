// Package signed signs the tokens of a client. It is a package of its own, so that
// who sends unsigned tokens behind a client certificate needs no JOSE library.
//
// Source: Spine Core, "Access Tokens and Audit (JWT)"; RFC 7515.
package signed

import (
	"crypto/ecdsa"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// With returns what Client.Sign needs: it signs with RS512 for an *rsa.PrivateKey and
// with ES256 for an *ecdsa.PrivateKey on P-256, the algorithms that a NEMS accepts.
// keyID becomes kid unless it is "".
func With(key any, keyID string) func(claims []byte) (string, error) {
	return func(claims []byte) (string, error) {
		algorithm := jose.RS512
		if _, ok := key.(*ecdsa.PrivateKey); ok {
			algorithm = jose.ES256
		}
		options := (&jose.SignerOptions{}).WithType("JWT")
		if keyID != "" {
			options = options.WithHeader("kid", keyID)
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
		if err != nil {
			return "", fmt.Errorf("signing a token: %w", err)
		}
		signature, err := signer.Sign(claims)
		if err != nil {
			return "", errors.New("signing a token: the key does not fit")
		}
		return signature.CompactSerialize()
	}
}
