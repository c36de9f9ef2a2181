package spine

import (
	"crypto/ecdsa"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"nems/internal/jwt"
)

// Sign returns a token signed with a private key, using RS512 for RSA keys and
// ES256 for P-256 keys. keyID becomes kid unless it is "".
func Sign(t jwt.Token, key any, keyID string) (string, error) {
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
	signed, err := signer.Sign(t.Payload())
	if err != nil {
		return "", errors.New("signing a token: the key does not fit")
	}
	return signed.CompactSerialize()
}
