package spine

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// smallestRSA is the size in bits of the smallest RSA key that can be
// registered (RFC 7518, section 3.3).
const smallestRSA = 2048

// ErrKeys says that keys cannot be registered; the message that wraps it says why.
var ErrKeys = errors.New("the keys cannot be registered")

// Keys are the public keys that verify the tokens of a system. As JSON they are
// a JWK set (RFC 7517). The zero value holds no keys.
type Keys struct{ list []key }

// key is one public key together with values that are needed often.
type key struct {
	jwk       jose.JSONWebKey
	algorithm string // RS512 or ES256
	print     [32]byte
}

// ParseKeys reads public keys: a JWK set, one JWK, or PEM blocks with public
// keys or certificates. It accepts only RSA keys of at least 2048 bits (RS512)
// and P-256 keys (ES256). Private and symmetric keys are refused, because
// nobody who can read a registry must be able to sign. The error wraps ErrKeys.
func ParseKeys(data []byte) (Keys, error) {
	data = bytes.TrimSpace(data)
	var set jose.JSONWebKeySet
	var err error
	switch {
	case bytes.HasPrefix(data, []byte("-----BEGIN")):
		set.Keys, err = readPEM(data)
	case bytes.Contains(data, []byte(`"keys"`)):
		err = json.Unmarshal(data, &set)
	default:
		set.Keys = make([]jose.JSONWebKey, 1)
		err = json.Unmarshal(data, &set.Keys[0])
	}
	if err != nil {
		return Keys{}, fmt.Errorf("%w: %w", ErrKeys, err)
	}
	var keys Keys
	for i, jwk := range set.Keys {
		k, err := newKey(jwk)
		if err != nil {
			return Keys{}, fmt.Errorf("%w: key %d: %w", ErrKeys, i+1, err)
		}
		keys.list = append(keys.list, k)
	}
	return keys, nil
}

// readPEM reads the public keys in PEM blocks.
func readPEM(data []byte) (keys []jose.JSONWebKey, err error) {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			if len(bytes.TrimSpace(data)) > 0 {
				return nil, errors.New("there is text that is not a PEM block")
			}
			return keys, nil
		}
		var public any
		switch block.Type {
		case "PUBLIC KEY":
			public, err = x509.ParsePKIXPublicKey(block.Bytes)
		case "CERTIFICATE":
			var certificate *x509.Certificate
			if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
				public = certificate.PublicKey
			}
		default:
			err = fmt.Errorf("a PEM block %q is neither a public key nor a certificate", block.Type)
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, jose.JSONWebKey{Key: public})
	}
}

func newKey(jwk jose.JSONWebKey) (key, error) {
	k := key{jwk: jwk}
	switch public := jwk.Key.(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() < smallestRSA {
			return key{}, fmt.Errorf("an RSA key needs %d bits, it has %d", smallestRSA, public.N.BitLen())
		}
		k.algorithm = string(jose.RS512)
	case *ecdsa.PublicKey:
		if public.Curve != elliptic.P256() {
			return key{}, fmt.Errorf("an EC key must be of the curve P-256, it is of %s", public.Params().Name)
		}
		k.algorithm = string(jose.ES256)
	default:
		return key{}, errors.New("it is not a public RSA or P-256 key")
	}
	if jwk.Use != "" && jwk.Use != "sig" {
		return key{}, fmt.Errorf("its use is %q, expected sig", jwk.Use)
	}
	if jwk.Algorithm != "" && jwk.Algorithm != k.algorithm {
		return key{}, fmt.Errorf("its alg is %q, expected %s", jwk.Algorithm, k.algorithm)
	}
	print, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return key{}, err
	}
	copy(k.print[:], print)
	return k, nil
}

// Len returns the number of keys.
func (k Keys) Len() int { return len(k.list) }

// IsZero reports whether there are no keys.
func (k Keys) IsZero() bool { return len(k.list) == 0 }

// String lists the ids or thumbprints of the keys.
func (k Keys) String() string {
	names := make([]string, len(k.list))
	for i, key := range k.list {
		names[i] = key.jwk.KeyID
		if names[i] == "" {
			names[i] = fmt.Sprintf("%x", key.print[:8])
		}
	}
	return strings.Join(names, " ")
}

// holds reports whether the key with the thumbprint is still registered.
func (k Keys) holds(print [32]byte) bool {
	for i := range k.list {
		if k.list[i].print == print {
			return true
		}
	}
	return false
}

// MarshalJSON writes a JWK set.
func (k Keys) MarshalJSON() ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: make([]jose.JSONWebKey, len(k.list))}
	for i, key := range k.list {
		set.Keys[i] = key.jwk
	}
	return json.Marshal(set)
}

// UnmarshalJSON reads a JWK set.
func (k *Keys) UnmarshalJSON(data []byte) error {
	keys, err := ParseKeys(data)
	if err == nil {
		*k = keys
	}
	return err
}
