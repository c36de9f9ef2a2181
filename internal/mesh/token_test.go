package mesh

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	noon = time.Date(2026, 5, 20, 12, 0, 30, 0, time.UTC)
	key  = []byte("TestKey")
)

// The hash is over id, nonce, count, password and time, joined by colons
// (specification, "MESH Authorization header").
func TestTokenIsWhatTheSpecificationSays(t *testing.T) {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("X26ABC1:some-guid:7:password:202605201200"))
	want := "NHSMESH X26ABC1:some-guid:7:202605201200:" + hex.EncodeToString(mac.Sum(nil))
	if got := NewToken("X26ABC1", "password", key, "some-guid", 7, noon).String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTokenVerify(t *testing.T) {
	good := NewToken("BOX", "password", key, "n", 1, noon)
	for name, c := range map[string]struct {
		now      time.Time
		password string
		key      string
		want     error
	}{
		"now":                     {noon, "password", "TestKey", nil},
		"two hours later":         {noon.Add(2*time.Hour + 29*time.Second), "password", "TestKey", nil},
		"two hours earlier":       {noon.Add(-2 * time.Hour), "password", "TestKey", nil},
		"a minute beyond":         {noon.Add(2*time.Hour + time.Minute), "password", "TestKey", ErrTokenTime},
		"a minute before":         {noon.Add(-2*time.Hour - time.Minute), "password", "TestKey", ErrTokenTime},
		"wrong password":          {noon, "passwort", "TestKey", ErrWrongToken},
		"wrong key":               {noon, "password", "BadKey", ErrWrongToken},
		"wrong password, too old": {noon.Add(5 * time.Hour), "x", "TestKey", ErrWrongToken},
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := ParseToken(good.String())
			if err != nil {
				t.Fatal(err)
			}
			if err := parsed.Verify([]byte(c.key), c.password, c.now); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestParseTokenRefuses(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	for name, header := range map[string]string{
		"empty":             "",
		"only the scheme":   "NHSMESH ",
		"other scheme":      "Bearer BOX:n:1:202605201200:" + hash,
		"no scheme":         "BOX:n:1:202605201200:" + hash,
		"four parts":        "NHSMESH BOX:n:1:" + hash,
		"six parts":         "NHSMESH BOX:n:1:202605201200:x:" + hash,
		"no mailbox":        "NHSMESH :n:1:202605201200:" + hash,
		"blank in mailbox":  "NHSMESH B OX:n:1:202605201200:" + hash,
		"no nonce":          "NHSMESH BOX::1:202605201200:" + hash,
		"count no digits":   "NHSMESH BOX:n:one:202605201200:" + hash,
		"count negative":    "NHSMESH BOX:n:-1:202605201200:" + hash,
		"count too long":    "NHSMESH BOX:n:12345678901234567890:202605201200:" + hash,
		"month 13":          "NHSMESH BOX:n:1:202613201200:" + hash,
		"seconds":           "NHSMESH BOX:n:1:20260520120000:" + hash,
		"time short":        "NHSMESH BOX:n:1:2026052012:" + hash,
		"hash short":        "NHSMESH BOX:n:1:202605201200:" + hash[2:],
		"hash long":         "NHSMESH BOX:n:1:202605201200:" + hash + "ab",
		"hash not hex":      "NHSMESH BOX:n:1:202605201200:" + strings.Repeat("zz", 32),
		"nonce not ASCII":   "NHSMESH BOX:nö:1:202605201200:" + hash,
		"nonce of a page":   "NHSMESH BOX:" + strings.Repeat("n", 129) + ":1:202605201200:" + hash,
		"control character": "NHSMESH BOX:n\x00:1:202605201200:" + hash,
	} {
		t.Run(name, func(t *testing.T) {
			if token, err := ParseToken(header); !errors.Is(err, ErrNoToken) {
				t.Errorf("got %v, %v", token, err)
			}
		})
	}
}

func TestTokenRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mailbox := rapid.StringMatching(`[A-Z0-9]{1,20}`).Draw(t, "mailbox")
		password := rapid.String().Draw(t, "password")
		nonce := rapid.StringMatching(`[!-9;-~]{1,128}`).Draw(t, "nonce")
		count := rapid.Uint64Max(1<<62).Draw(t, "count")
		made := NewToken(mailbox, password, key, nonce, count, noon)
		read, err := ParseToken(made.String())
		if err != nil || read != made {
			t.Fatalf("%v came back as %v, %v", made, read, err)
		}
		if err := read.Verify(key, password, noon); err != nil {
			t.Fatal(err)
		}
		other := NewToken(mailbox, password, key, nonce, count+1, noon)
		if other.Digest() == read.Digest() {
			t.Fatal("another count has the same digest")
		}
	})
}

func TestSignerNeverRepeats(t *testing.T) {
	s := NewSigner("box", "password", key)
	seen := map[string]bool{}
	for range 1000 {
		token := s.Token(noon)
		if seen[token] {
			t.Fatal("a token came twice")
		}
		seen[token] = true
	}
	if token, err := ParseToken(s.Token(noon)); err != nil || token.Mailbox != "BOX" {
		t.Errorf("got %v, %v: the mailbox must be in capitals", token, err)
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(NewToken("BOX", "password", key, "n", 1, noon).String())
	f.Add("NHSMESH BOX:n:1:202605201200:")
	f.Add("nhsmesh :::::")
	f.Fuzz(func(t *testing.T, header string) {
		token, err := ParseToken(header)
		if err != nil {
			return
		}
		again, err := ParseToken(token.String())
		if err != nil || again != token {
			t.Errorf("%q: read as %v, then as %v, %v", header, token, again, err)
		}
	})
}

func BenchmarkTokenVerify(b *testing.B) {
	header := NewToken("X26ABC1", "password", key, "1f6c9442-eb9a-440c-b4ed-ee4fd525e176", 1, noon).String()
	b.ReportAllocs()
	for b.Loop() {
		token, err := ParseToken(header)
		if err != nil {
			b.Fatal(err)
		}
		if err := token.Verify(key, "password", noon); err != nil {
			b.Fatal(err)
		}
	}
}
