package spine

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"pgregory.net/rapid"

	"nems/client/signed"
	"nems/internal/jwt"
	"nems/internal/nhs"
	"nems/internal/refuse"
)

// testPrivate returns the private keys of the tests. They are made once, because making RSA keys
// takes time.
var testPrivate = sync.OnceValue(func() (keys struct {
	rsa, rsaSmall   *rsa.PrivateKey
	ec, ec2, ecWide *ecdsa.PrivateKey
}) {
	var errs [5]error
	keys.rsa, errs[0] = rsa.GenerateKey(rand.Reader, 2048)
	keys.rsaSmall, errs[1] = rsa.GenerateKey(rand.Reader, 1024)
	keys.ec, errs[2] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	keys.ec2, errs[3] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	keys.ecWide, errs[4] = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err := errors.Join(errs[:]...); err != nil {
		panic(err)
	}
	return keys
})

// signedDoor returns a door where the subscriber has registered the keys.
func signedDoor(t testing.TB, keys Keys) (*Door, *Registration) {
	door := testDoor(t, Strict)
	system := subscriber
	system.Keys = keys
	door.Systems = pointerRegistry{&system}
	return door, &system
}

// pointerRegistry has one system, which a test may change between requests.
type pointerRegistry struct{ one *Registration }

func (r pointerRegistry) System(_ context.Context, asid nhs.ASID) (Registration, bool, error) {
	return *r.one, r.one.ASID == asid, nil
}

func signedBySomeone(t testing.TB, key any, id string) *attempt {
	t.Helper()
	a := createRequest()
	a.certificate = nil
	var err error
	if a.raw, err = signed.With(key, id)(a.token.Payload()); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestSignedTokens(t *testing.T) {
	p := testPrivate()
	keys := testKeys(t, &p.rsa.PublicKey, &p.ec.PublicKey)
	for name, row := range map[string]struct {
		key  any
		id   string
		pass bool
	}{
		"RS512":                      {p.rsa, "k1", true},
		"RS512 without key id":       {p.rsa, "", true},
		"ES256":                      {p.ec, "k2", true},
		"ES256 without key id":       {p.ec, "", true},
		"key id of another key":      {p.ec, "k1", false},
		"unknown key id":             {p.ec, "k9", false},
		"key that is not registered": {p.ec2, "", false},
		"that key under a known id":  {p.ec2, "k2", false},
	} {
		door, _ := signedDoor(t, keys)
		for _, turn := range []string{"first", "again"} {
			caller, err := door.Enter(context.Background(), signedBySomeone(t, row.key, row.id).build())
			if (err == nil) != row.pass || err == nil && !caller.Signed {
				t.Errorf("%s, %s: %v", name, turn, err)
			}
			var refusal *refuse.Refusal
			if !row.pass && (!errors.As(err, &refusal) || refusal.Code() != moih) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestAlgorithmConfusion checks that a public key is not used as the secret of
// a symmetric signature, and that a token cannot claim to need no signature.
func TestAlgorithmConfusion(t *testing.T) {
	p := testPrivate()
	public, err := x509.MarshalPKIXPublicKey(&p.rsa.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	door, _ := signedDoor(t, testKeys(t, &p.rsa.PublicKey))
	for _, algorithm := range []jose.SignatureAlgorithm{jose.HS256, jose.HS512, jose.RS256, jose.PS512} {
		var key any = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
		if algorithm == jose.RS256 || algorithm == jose.PS512 {
			key = p.rsa
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, nil)
		if err != nil {
			t.Fatal(err)
		}
		a := createRequest()
		signed, err := signer.Sign(a.token.Payload())
		if err != nil {
			t.Fatal(err)
		}
		if a.raw, err = signed.CompactSerialize(); err != nil {
			t.Fatal(err)
		}
		if _, err := door.Enter(context.Background(), a.build()); err == nil {
			t.Errorf("%s gets in", algorithm)
		}
	}
	a := signedBySomeone(t, p.rsa, "")
	a.raw = a.token.Unsigned()
	if _, err := door.Enter(context.Background(), a.build()); err == nil {
		t.Error("a token without its signature gets in without a certificate")
	}
}

// TestChangedSignedTokenIsRefused checks that a signed token is refused whichever of its characters
// is changed.
func TestChangedSignedTokenIsRefused(t *testing.T) {
	p := testPrivate()
	door, _ := signedDoor(t, testKeys(t, &p.rsa.PublicKey, &p.ec.PublicKey))
	originals := []string{signedBySomeone(t, p.rsa, "").raw, signedBySomeone(t, p.ec, "k2").raw}
	rapid.Check(t, func(t *rapid.T) {
		raw := []byte(rapid.SampledFrom(originals).Draw(t, "token"))
		at := rapid.IntRange(0, len(raw)-1).Draw(t, "at")
		with := rapid.SampledFrom([]byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ")).Draw(t, "with")
		if raw[at] == with {
			t.Skip("nothing changed")
		}
		raw[at] = with
		a := createRequest()
		a.certificate, a.raw = nil, string(raw)
		if _, err := door.Enter(context.Background(), a.build()); err == nil {
			t.Fatalf("changed at %d to %q, it gets in", at, with)
		}
	})
}

// TestVerifiedTokenIsNotTrustedForever checks that a token that was verified once still needs a
// registered key and valid claims.
func TestVerifiedTokenIsNotTrustedForever(t *testing.T) {
	p := testPrivate()
	door, system := signedDoor(t, testKeys(t, &p.ec.PublicKey))
	a := signedBySomeone(t, p.ec, "")
	enter := func() error {
		_, err := door.Enter(context.Background(), a.build())
		return err
	}
	if err := enter(); err != nil {
		t.Fatal(err)
	}
	system.Keys = testKeys(t, &p.ec2.PublicKey)
	if enter() == nil {
		t.Error("the key is not registered any more, the token gets in")
	}
	system.Keys = testKeys(t, &p.ec2.PublicKey, &p.ec.PublicKey)
	if err := enter(); err != nil {
		t.Errorf("the key is registered again: %v", err)
	}
	system.Revoked = true
	if enter() == nil {
		t.Error("the system is revoked, the token gets in")
	}
	system.Revoked = false
	door.Now = func() time.Time { return now.Add(jwt.Lifetime + leeway) }
	if enter() == nil {
		t.Error("the token has expired and gets in")
	}
}

// TestVerifiedTokenIsRemembered checks that a token that is used again is not verified again.
func TestVerifiedTokenIsRemembered(t *testing.T) {
	p := testPrivate()
	keys := testKeys(t, &p.ec.PublicKey)
	parsed, refusal := parseToken(signedBySomeone(t, p.ec, "").raw)
	if refusal != nil {
		t.Fatal(refusal)
	}
	var tokens verifiedTokens
	if !tokens.verify(parsed, keys) {
		t.Fatal("the token does not verify")
	}
	if _, ok := tokens.find(sha256.Sum256([]byte(parsed.raw))); !ok {
		t.Error("the token is not remembered")
	}
	bad := parsed
	bad.raw = bad.raw[:len(bad.raw)-3] + "AAA"
	if tokens.verify(bad, keys) {
		t.Error("another signature verifies")
	}
	if _, ok := tokens.find(sha256.Sum256([]byte(bad.raw))); ok {
		t.Error("a token that does not verify is remembered")
	}
}

func TestVerifiedTokensAreBounded(t *testing.T) {
	var tokens verifiedTokens
	var digest [32]byte
	for i := range 3 * verifiedAtMost {
		digest[0], digest[1], digest[2] = byte(i), byte(i>>8), byte(i>>16)
		tokens.remember(digest, [32]byte{}, verifiedAtMost)
		if n := len(tokens.young) + len(tokens.old); n > 2*verifiedAtMost {
			t.Fatalf("%d tokens after %d", n, i+1)
		}
	}
	if _, ok := tokens.find(digest); !ok {
		t.Error("the last token is forgotten")
	}
}

func TestParseKeys(t *testing.T) {
	p := testPrivate()
	public, err := x509.MarshalPKIXPublicKey(&p.ec.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Host.example.nhs.uk"}, DNSNames: []string{"host.example.nhs.uk", "b.example.nhs.uk"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &p.rsa.PublicKey, p.rsa)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	jwk := func(key any, algorithm, use string) string {
		data, err := json.Marshal(jose.JSONWebKey{Key: key, Algorithm: algorithm, Use: use})
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	private, err := x509.MarshalPKCS8PrivateKey(p.ec)
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		data string
		keys int // -1: refused
	}{
		"empty set":         {`{"keys":[]}`, 0},
		"one key":           {jwk(&p.ec.PublicKey, "", ""), 1},
		"set":               {`{"keys":[` + jwk(&p.ec.PublicKey, "ES256", "sig") + "," + jwk(&p.rsa.PublicKey, "RS512", "") + `]}`, 2},
		"PEM":               {"\n" + block("PUBLIC KEY", public) + block("CERTIFICATE", der), 2},
		"private key":       {jwk(p.ec, "", ""), -1},
		"private key (PEM)": {block("PRIVATE KEY", private), -1},
		"secret":            {jwk([]byte("secret"), "", ""), -1},
		"small RSA key":     {jwk(&p.rsaSmall.PublicKey, "", ""), -1},
		"another curve":     {jwk(&p.ecWide.PublicKey, "", ""), -1},
		"another algorithm": {jwk(&p.rsa.PublicKey, "RS256", ""), -1},
		"for encryption":    {jwk(&p.rsa.PublicKey, "", "enc"), -1},
		"broken PEM":        {block("PUBLIC KEY", public[1:]), -1},
		"PEM cut short":     {block("PUBLIC KEY", public)[:60], -1},
		"text after PEM":    {block("PUBLIC KEY", public) + "x", -1},
		"no keys":           {"hello", -1},
		"nothing":           {"", -1},
	} {
		keys, err := ParseKeys([]byte(row.data))
		if row.keys < 0 {
			if !errors.Is(err, ErrKeys) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || keys.Len() != row.keys || keys.IsZero() != (row.keys == 0) {
			t.Errorf("%s: %d keys, %v", name, keys.Len(), err)
		}
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if names := CertificateNames(certificate); !slices.Equal(names, []string{"host.example.nhs.uk", "b.example.nhs.uk"}) {
		t.Errorf("names %q", names)
	}
	if names := CertificateNames(&x509.Certificate{}); names == nil {
		t.Error("a certificate without names looks like no certificate")
	}
}

func TestSystemSurvivesJSON(t *testing.T) {
	p := testPrivate()
	for _, keys := range []Keys{{}, testKeys(t, &p.ec.PublicKey, &p.rsa.PublicKey)} {
		before := subscriber
		before.Keys = keys
		data, err := json.Marshal(before)
		if err != nil {
			t.Fatal(err)
		}
		var after Registration
		if err := json.Unmarshal(data, &after); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(after)
		if err != nil || string(again) != string(data) || after.Keys.String() != keys.String() {
			t.Errorf("%s became %s, %v", data, again, err)
		}
		if strings.Contains(string(data), `"d"`) {
			t.Error("a private key is stored")
		}
	}
}

func TestSigningNeedsAFittingKey(t *testing.T) {
	p := testPrivate()
	for name, key := range map[string]crypto.PrivateKey{"P-384": p.ecWide, "none": nil, "text": "key"} {
		if token, err := signed.With(key, "")(createRequest().token.Payload()); err == nil {
			t.Errorf("%s: %s", name, token)
		}
	}
	raw := signedBySomeone(t, p.rsa, "k1").raw
	head, err := base64.RawURLEncoding.DecodeString(raw[:strings.IndexByte(raw, '.')])
	if err != nil || !strings.Contains(string(head), `"kid":"k1"`) || !strings.Contains(string(head), `"RS512"`) {
		t.Errorf("header %s, %v", head, err)
	}
}

// TestEnterAtTheSameTime checks that concurrent requests each get their own caller.
func TestEnterAtTheSameTime(t *testing.T) {
	p := testPrivate()
	door, _ := signedDoor(t, testKeys(t, &p.ec.PublicKey))
	var group sync.WaitGroup
	for i := range 8 {
		user := strings.Repeat("u", i+1)
		group.Go(func() {
			for turn := range 50 {
				a := createRequest()
				a.token.User = user
				if turn%2 == 0 {
					var err error
					if a.raw, err = signed.With(p.ec, "")(a.token.Payload()); err != nil {
						t.Error(err)
					}
				}
				if caller, err := door.Enter(context.Background(), a.build()); err != nil || caller.User != user || caller.Signed != (turn%2 == 0) {
					t.Errorf("user %q: caller %q, signed %v, %v", user, caller.User, caller.Signed, err)
				}
			}
		})
	}
	group.Wait()
}
