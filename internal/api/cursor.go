package api

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"

	"nems/internal/nhs"
)

// errCursor is returned for a cursor that this NEMS has not issued to this
// caller.
var errCursor = errors.New("the cursor cannot be read")

// cursors seals searches into the links of their pages. A search may name a
// patient, and links end up in logs, so a link contains nothing that anybody
// but this NEMS can read. If nodes share no key, a cursor is valid as long as
// the process lives. After that it is refused, and the search must start again.
type cursors struct{ aead cipher.AEAD }

// newCursors makes cursors with a key of any length; nil means a new key.
func newCursors(shared []byte) cursors {
	key := sha256.Sum256(shared)
	if shared == nil {
		_, _ = rand.Read(key[:]) // never fails since Go 1.24
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // cannot happen: 32 bytes are a valid key
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // cannot happen: AES has GCM's block size
	}
	return cursors{aead}
}

// seal returns the cursor of a search for one caller.
func (c cursors) seal(search string, caller nhs.ASID) string {
	return base64.RawURLEncoding.EncodeToString(c.aead.Seal(nil, nil, []byte(search), []byte(caller)))
}

// open returns the search of a cursor, or errCursor.
func (c cursors) open(cursor string, caller nhs.ASID) (string, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return "", errCursor
	}
	search, err := c.aead.Open(nil, nil, sealed, []byte(caller))
	if err != nil {
		return "", errCursor
	}
	return string(search), nil
}
