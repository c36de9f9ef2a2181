package api

import (
	"fmt"
	"net/http"
	"strings"

	"nems/internal/refuse"
)

// wants reports whether the request's Prefer header asks for `return=what` (RFC
// 7240, section 4.2; OperationOutcome is FHIR's addition, STU3 http.html). By
// the RFC the first return preference counts.
func wants(h http.Header, what string) bool {
	for _, value := range h["Prefer"] {
		for part := range strings.SplitSeq(value, ",") {
			part, _, _ = strings.Cut(part, ";") // parameters of the preference
			name, preference, _ := strings.Cut(part, "=")
			if strings.EqualFold(strings.TrimSpace(name), "return") {
				return strings.EqualFold(strings.Trim(strings.TrimSpace(preference), `"`), what)
			}
		}
	}
	return false
}

// longestKey is the longest Idempotency-Key; a UUID has 36 characters.
const longestKey = 255

// idempotencyKey reads the header that makes a publish safe to repeat (an
// extension; draft-ietf-httpapi-idempotency-key-header); "" without one. The
// draft's quotes are removed, so that a key is the same with and without them.
func idempotencyKey(h http.Header) (string, *refuse.Refusal) {
	values := h["Idempotency-Key"]
	if len(values) == 0 {
		return "", nil
	}
	expected := fmt.Sprintf("one key of 1 to %d printable ASCII characters without blanks", longestKey)
	if len(values) > 1 {
		return "", refuse.HeaderInvalid("Idempotency-Key", expected, fmt.Sprintf("the header %d times", len(values)))
	}
	key := strings.Trim(values[0], " \t")
	if n := len(key); n >= 2 && key[0] == '"' && key[n-1] == '"' {
		key = key[1 : n-1]
	}
	if key == "" || len(key) > longestKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' }) {
		return "", refuse.HeaderInvalid("Idempotency-Key", expected, fmt.Sprintf("a value of %d characters", len(key)))
	}
	return key, nil
}
