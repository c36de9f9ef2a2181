package pdstest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
)

// claims of a JWT.
type claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	ID       string `json:"jti"`
	Expires  int64  `json:"exp"`
}

// issue answers a request for an access token. A JWT counts as used once it was
// read, even if the answer is lost.
func (s *Server) issue(a *reply, r *http.Request) {
	if wrong := s.wrong(r); wrong != "" {
		a.json(http.StatusBadRequest, map[string]string{"error": "invalid_request", "error_description": wrong})
		return
	}
	token := uuid.NewString()
	s.mu.Lock()
	s.tokens[token] = s.Now().Add(s.TokenLife)
	s.mu.Unlock()
	a.json(http.StatusOK, map[string]string{
		"access_token": token, "token_type": "Bearer", "issued_at": strconv.FormatInt(s.Now().UnixMilli(), 10),
		"expires_in": strconv.Itoa(int(s.TokenLife / time.Second)),
	})
}

// wrong names the wrong part of a request for a token, "" if there is none.
func (s *Server) wrong(r *http.Request) string {
	if r.PostFormValue("grant_type") != "client_credentials" {
		return "grant_type"
	}
	if r.PostFormValue("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return "client_assertion_type"
	}
	signed, err := jose.ParseSignedCompact(r.PostFormValue("client_assertion"), []jose.SignatureAlgorithm{jose.RS512})
	if err != nil {
		return "client_assertion"
	}
	if signed.Signatures[0].Header.KeyID != KeyID {
		return "kid"
	}
	payload, err := signed.Verify(&Key().PublicKey)
	if err != nil {
		return "signature"
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return "claims"
	}
	return s.wrongClaim(c)
}

// wrongClaim checks the claims as the NHS's page lists them: exp at most five
// minutes ahead, jti used once.
func (s *Server) wrongClaim(c claims) string {
	left := time.Unix(c.Expires, 0).Sub(s.Now())
	switch {
	case c.Issuer != APIKey || c.Subject != APIKey:
		return "iss/sub"
	case c.Audience != s.TokenURL():
		return "aud"
	case left <= 0 || left > 5*time.Minute:
		return "exp"
	}
	if _, err := uuid.Parse(c.ID); err != nil || !s.use(c.ID, uuid.NewString()) {
		s.t.Errorf("pdstest: a JWT's jti is missing, no UUID or used before")
		return "jti"
	}
	return ""
}

// known reports whether a request carries a valid token.
func (s *Server) known(r *http.Request) bool {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	until, found := s.tokens[token]
	return bearer && found && s.Now().Before(until)
}
