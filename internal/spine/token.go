package spine

import (
	"encoding/base64"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"nems/internal/refuse"
)

// unsigned is the algorithm of a token without a signature (RFC 7519,
// section 6).
const unsigned = "none"

// token is a parsed JWT. Nothing in it is trusted yet.
type token struct {
	raw       string
	algorithm string // none, RS512 or ES256
	keyID     string // kid, "" without one
	claims    claims
}

// parsedAtMost is how many parsed tokens each of the two generations remembers:
// a few KB each. Clients use a token for its five minutes.
const parsedAtMost = 512

// readToken reads the token and checks everything except a signature, which
// needs the registered keys.
func (d *Door) readToken(head headers, r Request) (token, *refuse.Refusal) {
	t, known := d.parsed.find(head.token)
	if !known {
		var refusal *refuse.Refusal
		if t, refusal = parseToken(strings.Clone(head.token)); refusal != nil {
			return token{}, refusal
		}
		d.parsed.remember(t.raw, t, parsedAtMost)
	}
	if t.algorithm == unsigned && r.Certificate == nil && !d.AllowUnsigned {
		return token{}, refuse.TokenInvalid("an unsigned JWT (alg none) is accepted only together with a client certificate; sign it (RS512 or ES256) with a registered key")
	}
	use := tokenUse{now: d.Now(), endpoint: r.Endpoint, profile: d.Profile, from: head.from}
	for i := range rules {
		if refusal := rules[i].apply(&t.claims, use); refusal != nil {
			return token{}, refusal
		}
	}
	return t, nil
}

// parseToken parses a JWT in compact form (RFC 7515, section 3.1).
func parseToken(raw string) (token, *refuse.Refusal) {
	header, payload, signature, refusal := split(raw)
	if refusal != nil {
		return token{}, refusal
	}
	t := token{raw: raw}
	if refusal := t.readHeader(header); refusal != nil {
		return token{}, refusal
	}
	switch {
	case t.algorithm == unsigned && signature != "":
		return token{}, refuse.TokenInvalid("the JWT says alg none but has a signature: expected nothing after the second dot")
	case t.algorithm != unsigned && signature == "":
		return token{}, refuse.TokenInvalid("the JWT says alg " + t.algorithm + " but has no signature after the second dot")
	}
	data, refusal := decode("payload", payload)
	if refusal != nil {
		return token{}, refusal
	}
	if signature != "" {
		if _, refusal := decode("signature", signature); refusal != nil {
			return token{}, refusal
		}
	}
	return t, readObject("payload", data, t.claims.member)
}

// split cuts a token at its two dots.
func split(raw string) (header, payload, signature string, refusal *refuse.Refusal) {
	if dots := strings.Count(raw, "."); dots != 2 {
		text := "the JWT must have three parts with dots between them"
		if dots == 1 {
			text += "; an unsigned one ends with a dot, which must not be left out"
		}
		return "", "", "", refuse.TokenInvalid(text)
	}
	header, rest, _ := strings.Cut(raw, ".")
	payload, signature, _ = strings.Cut(rest, ".")
	return header, payload, signature, nil
}

// decode decodes base64url without padding, strictly: a text has only one
// encoding, so that a token cannot be varied (RFC 7515, section 2).
func decode(part, text string) ([]byte, *refuse.Refusal) {
	for i := range len(text) {
		c := text[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return nil, refuse.TokenInvalid("the " + part + " of the JWT must be base64url without padding: letters, digits, - and _ only")
		}
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(data) == 0 {
		return nil, refuse.TokenInvalid("the " + part + " of the JWT is not complete base64url")
	}
	return data, nil
}

// readHeader reads the JOSE header. Members that are not listed are ignored.
// crit names members that must not be ignored (RFC 7515, section 4.1.11); none
// is known here.
func (t *token) readHeader(text string) *refuse.Refusal {
	data, refusal := decode("header", text)
	if refusal != nil {
		return refusal
	}
	var kind string
	refusal = readObject("header", data, func(name []byte, value jsontext.Value) *refuse.Refusal {
		switch string(name) {
		case "alg":
			return headerText("alg", value, &t.algorithm)
		case "typ":
			return headerText("typ", value, &kind)
		case "kid":
			return headerText("kid", value, &t.keyID)
		case "crit":
			return refuse.TokenInvalid("the header of the JWT has the member crit: no extension is supported")
		}
		return nil
	})
	if refusal != nil {
		return refusal
	}
	if kind != "" && !strings.EqualFold(kind, "JWT") {
		return refuse.TokenInvalid(`typ in the header of the JWT: expected "JWT", received ` + refuse.Show(kind))
	}
	switch t.algorithm {
	case unsigned, "RS512", "ES256":
		return nil
	case "":
		return refuse.TokenInvalid(`alg in the header of the JWT is missing: expected "none", "RS512" or "ES256"`)
	default:
		return refuse.TokenInvalid(`alg in the header of the JWT: expected "none", "RS512" or "ES256", received ` + refuse.Show(t.algorithm))
	}
}

// headerText reads a member of the JOSE header that must be a string.
func headerText(name string, value jsontext.Value, into *string) *refuse.Refusal {
	if value.Kind() != '"' {
		return refuse.TokenInvalid(name + " in the header of the JWT: expected a string, received " + kindName(value.Kind()))
	}
	text, err := unquote(value)
	if err != nil || len(text) == 0 {
		return refuse.TokenInvalid(name + " in the header of the JWT is empty")
	}
	*into = string(text)
	return nil
}
