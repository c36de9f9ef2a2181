package mesh

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// Scheme is the authentication scheme of MESH ("MESH Authorization header").
const Scheme = "NHSMESH"

// Window is the largest difference between a token's time and the server's.
const Window = 2 * time.Hour

// minutes is the layout of a token's time, in UTC.
const minutes = "200601021504"

// Why a token is refused. None of them reveals more than a caller may know.
var (
	ErrNoToken    = errors.New("no readable NHSMESH token")
	ErrWrongToken = errors.New("the NHSMESH token's hash is wrong")
	ErrTokenTime  = errors.New("the NHSMESH token's time is not within two hours")
)

// Token is the content of an NHSMESH Authorization header.
type Token struct {
	Mailbox string // as written, because the hash depends on its case
	Nonce   string
	Count   string // decimal digits, as written
	Time    time.Time
	hash    [sha256.Size]byte
}

// ParseToken reads an Authorization header. Whatever is wrong with it, the error is ErrNoToken.
func ParseToken(header string) (Token, error) {
	scheme, rest, ok := strings.Cut(strings.TrimSpace(header), " ")
	if !ok || !strings.EqualFold(scheme, Scheme) {
		return Token{}, ErrNoToken
	}
	var t Token
	var stamp, hash string
	for _, part := range []*string{&t.Mailbox, &t.Nonce, &t.Count, &stamp} {
		if *part, rest, ok = strings.Cut(rest, ":"); !ok {
			return Token{}, ErrNoToken
		}
	}
	hash = rest
	if !readable(t.Mailbox, 100) || !readable(t.Nonce, 128) || !digits(t.Count, 19) || !digits(stamp, len(minutes)) {
		return Token{}, ErrNoToken
	}
	var err error
	if t.Time, err = time.Parse(minutes, stamp); err != nil {
		return Token{}, ErrNoToken
	}
	if len(hash) != 2*sha256.Size {
		return Token{}, ErrNoToken
	}
	if _, err := hex.Decode(t.hash[:], []byte(hash)); err != nil {
		return Token{}, ErrNoToken
	}
	return t, nil
}

// readable reports whether s consists of 1 to most printable ASCII characters
// other than blank and colon.
func readable(s string, most int) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == ':' {
			return false
		}
	}
	return s != "" && len(s) <= most
}

func digits(s string, most int) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != "" && len(s) <= most
}

// Verify checks first the hash, in constant time, and then the time. It returns
// ErrWrongToken or ErrTokenTime.
func (t Token) Verify(key []byte, password string, now time.Time) error {
	want := t.sum(key, password)
	if !hmac.Equal(want[:], t.hash[:]) {
		return ErrWrongToken
	}
	// A token's time is in whole minutes, so the current time is compared in whole minutes too.
	if age := now.Truncate(time.Minute).Sub(t.Time); age > Window || age < -Window {
		return ErrTokenTime
	}
	return nil
}

// Digest identifies a verified token: it is the same for the same mailbox,
// nonce, count and time. A token is valid for one request.
func (t Token) Digest() [16]byte { return [16]byte(t.hash[:16]) }

// sum returns the hash over mailbox, nonce, count, password and time.
func (t Token) sum(key []byte, password string) [sha256.Size]byte {
	h := hmac.New(sha256.New, key)
	line := make([]byte, 0, 192)
	for _, part := range []string{t.Mailbox, t.Nonce, t.Count, password} {
		line = append(append(line, part...), ':')
	}
	h.Write(t.Time.UTC().AppendFormat(line, minutes))
	return [sha256.Size]byte(h.Sum(nil))
}

// String returns the token as an Authorization header.
func (t Token) String() string {
	return Scheme + " " + t.Mailbox + ":" + t.Nonce + ":" + t.Count + ":" +
		t.Time.UTC().Format(minutes) + ":" + hex.EncodeToString(t.hash[:])
}

// NewToken makes a token for one request.
func NewToken(mailbox, password string, key []byte, nonce string, count uint64, at time.Time) Token {
	t := Token{Mailbox: mailbox, Nonce: nonce, Count: strconv.FormatUint(count, 10), Time: at.UTC().Truncate(time.Minute)}
	t.hash = t.sum(key, password)
	return t
}

// Signer makes the tokens of one mailbox, each for one request. Safe for
// concurrent use.
type Signer struct {
	mailbox, password string
	key               []byte
	nonce             string
	count             atomic.Uint64
}

// NewSigner returns a Signer with a nonce of its own.
func NewSigner(mailbox, password string, key []byte) *Signer {
	return &Signer{mailbox: strings.ToUpper(mailbox), password: password, key: key, nonce: uuid.NewString()}
}

// Token returns the next token, as an Authorization header.
func (s *Signer) Token(now time.Time) string {
	return NewToken(s.mailbox, s.password, s.key, s.nonce, s.count.Add(1), now).String()
}
