package assure

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// signedFile is a report as its file has it. The signature is over the compact JSON of
// the member report, so that a file that was indented anew is still the same.
type signedFile struct {
	Report    json.RawMessage `json:"report"`
	Signature signature       `json:"signature"`
}

type signature struct {
	Algorithm string `json:"algorithm"` // Ed25519
	PublicKey string `json:"publicKey"` // base64
	Value     string `json:"value"`     // base64
}

// ErrSignature says that a report is not the one that was signed, or that another key
// signed it.
var ErrSignature = errors.New("the signature does not fit: the report was changed, or another key has signed it")

// domain keeps a signature of a report from being taken for one of something else.
const domain = "nems-assure-report/1\n"

// Sign writes a report with its signature, as the record of the run.
func Sign(r *Report, key ed25519.PrivateKey) ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	encode := base64.StdEncoding.EncodeToString
	out, err := json.MarshalIndent(signedFile{text, signature{
		"Ed25519", encode(key.Public().(ed25519.PublicKey)), encode(ed25519.Sign(key, append([]byte(domain), text...))),
	}}, "", "  ")
	return append(out, '\n'), err
}

// Verify reads a report and checks its signature: with the given key, or with the one in
// the file if it is nil. The latter shows only that nothing was changed since. by is the
// fingerprint of the key.
func Verify(file []byte, key ed25519.PublicKey) (r *Report, by string, err error) {
	var f signedFile
	if err := json.Unmarshal(file, &f); err != nil || f.Report == nil {
		return nil, "", errors.New("this is not a report of nems assure")
	}
	own, err := base64.StdEncoding.DecodeString(f.Signature.PublicKey)
	if err != nil || len(own) != ed25519.PublicKeySize || f.Signature.Algorithm != "Ed25519" {
		return nil, "", errors.New("the report has no signature of Ed25519")
	}
	if key == nil {
		key = own
	}
	value, err := base64.StdEncoding.DecodeString(f.Signature.Value)
	var text bytes.Buffer
	if err != nil || json.Compact(&text, f.Report) != nil || !ed25519.Verify(key, append([]byte(domain), text.Bytes()...), value) {
		return nil, "", ErrSignature
	}
	if err := json.Unmarshal(f.Report, &r); err != nil {
		return nil, "", err
	}
	if r.Format != Format {
		return nil, "", fmt.Errorf("format: this program reads %s; received %q", Format, r.Format)
	}
	return r, Fingerprint(key), nil
}

// Fingerprint names a public key: the first half of its SHA-256, in hex.
func Fingerprint(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:16])
}
