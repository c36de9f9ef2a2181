package spine

import (
	"fmt"
	"net/http"
	"strings"

	"nems/internal/access"
	"nems/internal/nhs"
	"nems/internal/refuse"
)

// longestToken is the length of the longest Authorization header that is read.
// Tokens in use have less than 1,500 characters.
const longestToken = 8192

// headers are the four headers that every request must have, parsed.
type headers struct {
	from, to    nhs.ASID
	token       string
	interaction access.Interaction
}

// readHeaders checks that each header is present once and well formed, and that
// the interaction id is valid for the endpoint. Before any header is parsed,
// the presence of all is checked, in the order of the NHS harness.
func readHeaders(r Request) (h headers, refusal *refuse.Refusal) {
	var values [4]string
	for i, key := range [...]struct{ name, canonical string }{
		{"fromASID", "Fromasid"}, {"toASID", "Toasid"}, {"Authorization", "Authorization"}, {"InteractionID", "Interactionid"},
	} {
		if key.name == "Authorization" {
			values[i], refusal = singleToken(r.Header)
		} else {
			values[i], refusal = single(r.Header, key.name, key.canonical)
		}
		if refusal != nil {
			return h, refusal
		}
	}
	if h.from, refusal = parseASIDHeader("fromASID", values[0]); refusal != nil {
		return h, refusal
	}
	if h.to, refusal = parseASIDHeader("toASID", values[1]); refusal != nil {
		return h, refusal
	}
	if h.token, refusal = bearer(values[2]); refusal != nil {
		return h, refusal
	}
	h.interaction, refusal = fittingInteraction(values[3], r.Endpoint)
	return h, refusal
}

// single returns the value of a header that must be present exactly once. Two
// values are refused even when they are equal, because another program that
// examined the request before may have used the other one.
func single(h http.Header, name, canonical string) (string, *refuse.Refusal) {
	values := h[canonical]
	if len(values) > 1 {
		return "", refuse.HeaderInvalid(name, "the header once", fmt.Sprintf("it %d times", len(values)))
	}
	if len(values) == 0 {
		return "", refuse.HeaderMissing(name)
	}
	value := strings.Trim(values[0], " \t")
	if value == "" {
		return "", refuse.HeaderMissing(name)
	}
	return value, nil
}

// singleToken is single for the Authorization header, whose refusals ask for a
// token.
func singleToken(h http.Header) (string, *refuse.Refusal) {
	value, refusal := single(h, "Authorization", "Authorization")
	switch times := len(h["Authorization"]); {
	case refusal != nil && times > 1:
		return "", refuse.TokenRepeated(times)
	case refusal != nil:
		return "", refuse.TokenMissing()
	}
	return value, nil
}

// claimedASID returns the fromASID header for the audit of a refusal, or "" if
// it is not present once and well formed.
func claimedASID(h http.Header) nhs.ASID {
	value, refusal := single(h, "fromASID", "Fromasid")
	if refusal != nil {
		return ""
	}
	asid, err := nhs.ParseASID(value)
	if err != nil {
		return ""
	}
	return asid
}

func parseASIDHeader(name, value string) (nhs.ASID, *refuse.Refusal) {
	asid, err := nhs.ParseASID(value)
	if err != nil {
		return "", refuse.HeaderInvalid(name, "an ASID of twelve digits", refuse.Describe(value))
	}
	return asid, nil
}

// bearer returns the token in an Authorization header (RFC 6750, section 2.1).
func bearer(value string) (string, *refuse.Refusal) {
	scheme, token, found := strings.Cut(value, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", refuse.TokenUnsupported()
	}
	if !found {
		return "", refuse.TokenMalformed()
	}
	if token = strings.TrimLeft(token, " "); len(token) > longestToken {
		return "", refuse.TokenInvalid(fmt.Sprintf("the JWT has %d characters, at most %d are read", len(token), longestToken))
	}
	return token, nil
}

// fittingInteraction parses the interaction id and checks that it is valid for the endpoint.
func fittingInteraction(value string, e Endpoint) (access.Interaction, *refuse.Refusal) {
	i, ok := access.ParseInteraction(value)
	if !ok || i.Kind != e.kind() {
		return access.Interaction{}, refuse.HeaderInvalid("InteractionID", e.expected()+" for this method and path", refuse.Show(value))
	}
	return i, nil
}
