package audit

import (
	"crypto/ed25519"
	"encoding/base64"
)

// signed signs any text as if it were a checkpoint.
func signed(text string, key ed25519.PrivateKey) string {
	return text + " " + base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(text)))
}
