package pdsapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"nems/internal/nhs"
)

// Lives of tokens.
const (
	tokenLife     = 10 * time.Minute
	assertionLife = 5 * time.Minute  // at most, as the NHS has it
	skew          = 30 * time.Second // how far clocks may differ
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// oauthError is an answer of the token endpoint (RFC 6749, 5.2).
type oauthError struct {
	status      int
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// token answers POST /oauth2/token: it exchanges a JWT that a registered system has
// signed for an access token (RFC 7523, 2.2, and the NHS's "Application-restricted
// RESTful APIs - signed JWT authentication").
func (a *API) token(x *exchange) {
	asid, wrong := a.exchange(x)
	if wrong != nil {
		if wrong.status == http.StatusMethodNotAllowed {
			x.w.Header().Set("Allow", http.MethodPost)
		}
		x.json(wrong.status, wrong)
		return
	}
	now := a.TokenTime()
	x.json(http.StatusOK, struct {
		Token   string `json:"access_token"`
		Expires string `json:"expires_in"` // a text, as at the NHS
		Type    string `json:"token_type"`
		Issued  string `json:"issued_at"`
	}{a.sealed(asid, now.Add(tokenLife)), strconv.Itoa(int(tokenLife.Seconds()) - 1), "Bearer", strconv.FormatInt(now.UnixMilli(), 10)})
}

func (x *exchange) json(status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		body, status = []byte(`{"error":"server_error"}`), http.StatusInternalServerError
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.w.Header().Set("Cache-Control", "no-store")
	x.w.WriteHeader(status)
	_, _ = x.w.Write(body)
}

// exchange returns whose token the request deserves; "" stands for a caller of the
// dev world whom nobody knows.
func (a *API) exchange(x *exchange) (nhs.ASID, *oauthError) {
	if x.r.Method != http.MethodPost {
		return "", &oauthError{http.StatusMethodNotAllowed, "invalid_request", "expected POST"}
	}
	kind, _, _ := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if kind != "application/x-www-form-urlencoded" {
		return "", &oauthError{http.StatusBadRequest, "invalid_request", "expected a form: Content-Type application/x-www-form-urlencoded"}
	}
	x.r.Body = http.MaxBytesReader(x.w, x.r.Body, 64<<10)
	if err := x.r.ParseForm(); err != nil {
		return "", &oauthError{http.StatusBadRequest, "invalid_request", "the form cannot be read, or has more than 65536 bytes"}
	}
	claims, asid, wrong := a.assertion(x, x.r.PostForm)
	switch {
	case wrong != nil && a.Open:
		return "", nil
	case wrong != nil:
		return "", wrong
	}
	if !a.used.first(string(asid)+"\n"+claims.ID, claims.expires(), a.TokenTime()) {
		return "", &oauthError{http.StatusBadRequest, "invalid_request", "Non-unique 'jti' claim in the client_assertion JWT: each JWT is used once"}
	}
	return asid, nil
}

// assertionClaims are what a JWT says.
type assertionClaims struct {
	Issuer   string  `json:"iss"`
	Subject  string  `json:"sub"`
	Audience any     `json:"aud"`
	ID       string  `json:"jti"`
	Expires  float64 `json:"exp"`
}

func (c assertionClaims) expires() time.Time { return time.Unix(int64(c.Expires), 0) }

// assertion checks the form and the JWT in it.
func (a *API) assertion(x *exchange, form url.Values) (c assertionClaims, asid nhs.ASID, wrong *oauthError) {
	bad := func(format string) (assertionClaims, nhs.ASID, *oauthError) {
		return c, "", &oauthError{http.StatusBadRequest, "invalid_request", format}
	}
	compact := form.Get("client_assertion")
	parts := strings.Split(compact, ".")
	switch {
	case form.Get("grant_type") != "client_credentials":
		return bad("grant_type: expected client_credentials")
	case form.Get("client_assertion_type") != assertionType:
		return bad("client_assertion_type: expected " + assertionType)
	case len(parts) != 3:
		return bad("client_assertion: expected a signed JWT")
	}
	claimed, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(claimed, &c) != nil {
		return bad("Malformed JWT in client_assertion")
	}
	asid, err = nhs.ParseASID(c.Issuer)
	if err != nil || c.Issuer != c.Subject {
		return bad("Missing or non-matching 'iss'/'sub' claims in client_assertion JWT: both are the ASID of the registered system")
	}
	system, ok, err := a.Systems.System(x.r.Context(), asid)
	switch {
	case err != nil:
		return c, "", &oauthError{http.StatusServiceUnavailable, "temporarily_unavailable", "try again"}
	case !ok || system.Revoked || !rightsOf(system.System).Read && (a.Also == nil || !a.Also(system.System)):
		return c, "", &oauthError{http.StatusUnauthorized, "invalid_client", "Invalid 'iss'/'sub' claims in client_assertion JWT: no system with that ASID and a right under demographics is registered"}
	case !system.Keys.Verify(compact):
		return c, "", &oauthError{http.StatusUnauthorized, "invalid_client", "JWT signature verification failed: expected RS512 (or ES256) with a key of the registration, named by its 'kid'"}
	}
	return c, asid, a.checkClaims(x, c)
}

// checkClaims checks for whom a JWT is, and how long it lives.
func (a *API) checkClaims(x *exchange, c assertionClaims) *oauthError {
	bad := func(text string) *oauthError { return &oauthError{http.StatusBadRequest, "invalid_request", text} }
	now, audience := a.TokenTime(), a.Base(x.r)+TokenPath
	fits := c.Audience == audience
	if list, ok := c.Audience.([]any); ok {
		for _, one := range list {
			fits = fits || one == audience
		}
	}
	switch {
	case !fits:
		return bad("Missing or invalid 'aud' claim in client_assertion JWT: expected " + audience)
	case c.ID == "" || len(c.ID) > 200:
		return bad("Missing 'jti' claim in client_assertion JWT, or one of more than 200 bytes")
	case c.Expires == 0:
		return bad("Missing 'exp' claim in client_assertion JWT")
	case now.After(c.expires().Add(skew)):
		return bad("Invalid 'exp' claim in client_assertion JWT: JWT has expired")
	case c.expires().After(now.Add(assertionLife + skew)):
		return bad("Invalid 'exp' claim in client_assertion JWT: more than 5 minutes in future")
	}
	return nil
}

// usedIDs remembers the ids of JWTs until these expire. Each node has its own.
type usedIDs struct {
	mu    sync.Mutex
	until map[string]time.Time
}

// usedAtMost limits what is remembered. While that is full, nobody gets a token.
const usedAtMost = 100_000

// first reports whether an id was not used before.
func (u *usedIDs) first(id string, expires, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, seen := u.until[id]; seen {
		return false
	}
	if len(u.until) >= usedAtMost {
		for other, until := range u.until {
			if now.After(until) {
				delete(u.until, other)
			}
		}
		if len(u.until) >= usedAtMost {
			return false
		}
	}
	u.until[id] = expires.Add(2 * skew)
	return true
}

// sealed writes an access token: who it is for and until when, with a proof. Rights
// are looked up for each request.
func (a *API) sealed(asid nhs.ASID, until time.Time) string {
	text := binary.BigEndian.AppendUint64(nil, uint64(until.Unix()))
	text = append(text, asid...)
	return base64.RawURLEncoding.EncodeToString(append(text, a.proof(text)...))
}

func (a *API) proof(text []byte) []byte {
	mac := hmac.New(sha256.New, a.TokenKey)
	mac.Write([]byte("PDS API access token\n"))
	mac.Write(text)
	return mac.Sum(nil)
}

// Opened reads an access token of ours that has not expired. It is "" for a caller of
// the dev world whom nobody knows.
func (a *API) Opened(token string) (nhs.ASID, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < 8+sha256.Size {
		return "", false
	}
	text, proof := raw[:len(raw)-sha256.Size], raw[len(raw)-sha256.Size:]
	if !hmac.Equal(proof, a.proof(text)) || a.TokenTime().Unix() >= int64(binary.BigEndian.Uint64(text)) {
		return "", false
	}
	return nhs.ASID(text[8:]), true
}
