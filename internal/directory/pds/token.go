package pds

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// assertionLife is how long a JWT is valid. The NHS allows five minutes; less
// leaves room for a clock of ours that is ahead of theirs.
const assertionLife = 4 * time.Minute

// tokenMargin is how long before it expires an access token is replaced.
const tokenMargin = 30 * time.Second

// tokens requests access tokens and keeps the last one. One goroutine at a time
// requests a new one; the others wait for it.
type tokens struct {
	config *Config
	http   *http.Client
	signer jose.Signer
	turn   chan struct{} // held by the goroutine that reads or changes the fields below

	token string
	until time.Time
}

func newTokens(c *Config, client *http.Client) (*tokens, error) {
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.RS512, Key: jose.JSONWebKey{Key: c.Key, KeyID: c.KeyID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, errors.New("the private key cannot sign")
	}
	return &tokens{config: c, http: client, signer: signer, turn: make(chan struct{}, 1)}, nil
}

// get returns a token that stays valid for a while.
func (t *tokens) get(ctx context.Context) (string, error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", broken(ctx, ctx.Err())
	}
	now := t.config.Now()
	if t.token != "" && now.Before(t.until) {
		return t.token, nil
	}
	t.token = ""
	token, life, err := t.ask(ctx, now)
	if err != nil {
		return "", err
	}
	t.token, t.until = token, now.Add(life-min(tokenMargin, life/2))
	return token, nil
}

// drop forgets a token that was refused, unless it was already replaced.
func (t *tokens) drop(token string) {
	t.turn <- struct{}{}
	defer func() { <-t.turn }()
	if t.token == token {
		t.token = ""
	}
}

// ask exchanges a signed JWT for a token (RFC 7523, section 2.2).
func (t *tokens) ask(ctx context.Context, now time.Time) (string, time.Duration, error) {
	assertion, err := t.assertion(now)
	if err != nil {
		return "", 0, &failure{outcome: Refused, text: "the private key cannot sign"}
	}
	ctx, cancel := context.WithTimeout(ctx, t.config.Timeout)
	defer cancel()
	form := url.Values{
		"grant_type":            {"client_credentials"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.config.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, &failure{outcome: Refused, text: "the token endpoint's address cannot be used"}
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "nems")
	response, err := t.http.Do(request)
	if err != nil {
		return "", 0, t.failed(broken(ctx, err))
	}
	defer response.Body.Close()
	body, err := readBody(ctx, response)
	if err != nil {
		return "", 0, t.failed(err)
	}
	if response.StatusCode != http.StatusOK {
		return "", 0, refusedToken(response.StatusCode)
	}
	return readToken(body)
}

// assertion returns the signed JWT. Each has a new jti.
func (t *tokens) assertion(now time.Time) (string, error) {
	claims, err := json.Marshal(map[string]any{
		"iss": t.config.APIKey, "sub": t.config.APIKey, "aud": t.config.TokenURL,
		"jti": uuid.NewString(), "exp": now.Add(assertionLife).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed, err := t.signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// failed marks an error as one of the token endpoint, not of PDS.
func (t *tokens) failed(err error) error {
	var f *failure
	if errors.As(err, &f) {
		f.text = "the token endpoint: " + f.text
	}
	return err
}

func refusedToken(status int) error {
	f := &failure{outcome: Refused, text: "the token endpoint refuses this application", status: status}
	switch {
	case status == http.StatusTooManyRequests:
		f.outcome, f.text = Failed, "the token endpoint: too many requests"
	case status >= 500 || status == http.StatusRequestTimeout:
		f.outcome, f.text = Failed, "the token endpoint failed"
		f.again = status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
	case status == http.StatusUnauthorized:
		f.status = 0 // a 401 here must not look like a refused access token
	}
	return f
}

// maxTokenLife limits what a token endpoint may promise.
const maxTokenLife = time.Hour

// readToken reads the endpoint's answer. The NHS writes expires_in as a text,
// RFC 6749 as a number.
func readToken(body []byte) (string, time.Duration, error) {
	var got struct {
		Token     string         `json:"access_token"`
		Type      string         `json:"token_type"`
		ExpiresIn jsontext.Value `json:"expires_in"`
	}
	unreadable := &failure{outcome: Unreadable, text: "the token endpoint's answer is not a token"}
	if err := json.Unmarshal(body, &got); err != nil || !strings.EqualFold(got.Type, "Bearer") || !isToken(got.Token) {
		return "", 0, unreadable
	}
	seconds, err := strconv.ParseUint(string(bytes.Trim(got.ExpiresIn, `"`)), 10, 31)
	if err != nil {
		return "", 0, unreadable
	}
	return got.Token, min(time.Duration(seconds)*time.Second, maxTokenLife), nil
}

// isToken reports whether a text may follow "Bearer" (RFC 6750, 2.1).
func isToken(s string) bool {
	if s == "" || len(s) > 8<<10 {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
