package spine

import (
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nems/internal/refuse"
)

// ClaimReport describes one member of a token.
type ClaimReport struct {
	Part  string // header or payload
	Claim string
	// Value is the received value, for people: times as RFC 3339; a value that
	// could contain an NHS number is only described. It is "" when the claim is
	// missing.
	Value string
	// Problem says what is wrong and what to change; "" when nothing is wrong.
	Problem string
	// Ignored marks members that are not used here.
	Ignored bool
}

// Explain examines a pasted token claim by claim. The input is the token alone,
// or a whole Authorization header. It is judged as if it were received now at
// the endpoint (zero: at any). The signature is not checked. A refusal says why
// the token cannot be taken apart at all; the reports then hold what could be
// read before that.
func Explain(pasted string, now time.Time, e Endpoint, p Profile) ([]ClaimReport, *refuse.Refusal) {
	raw := strings.TrimSpace(pasted)
	if name, value, found := strings.Cut(raw, ":"); found && strings.EqualFold(name, "Authorization") {
		raw = strings.TrimSpace(value)
	}
	if scheme, rest, found := strings.Cut(raw, " "); found && strings.EqualFold(scheme, "Bearer") {
		raw = strings.TrimSpace(rest)
	}
	header, payload, _, refusal := split(raw)
	if refusal != nil {
		return nil, refusal
	}
	reports, refusal := explainPart("header", header, nil)
	if refusal != nil {
		return reports, refusal
	}
	if reports, refusal = explainPart("payload", payload, reports); refusal != nil {
		return reports, refusal
	}
	t, refusal := parseToken(raw)
	if refusal != nil {
		return reports, refusal
	}
	use := tokenUse{now: now, endpoint: e, profile: p}
	for i := range rules {
		if refusal := rules[i].apply(&t.claims, use); refusal != nil {
			reports = note(reports, claimNames[rules[i].claim], refusal.Issues[0].Diagnostics)
		}
	}
	return reports, nil
}

// explainPart lists the members of the header or the payload.
func explainPart(part, text string, reports []ClaimReport) ([]ClaimReport, *refuse.Refusal) {
	data, refusal := decode(part, text)
	if refusal != nil {
		return reports, refusal
	}
	refusal = readObject(part, data, func(name []byte, value jsontext.Value) *refuse.Refusal {
		known := slices.Contains(claimNames[:], string(name))
		if part == "header" {
			known = slices.Contains([]string{"alg", "typ", "kid"}, string(name))
		}
		claim := string(name)
		if refuse.HoldsNHSNumber(claim) {
			claim = refuse.Describe(claim)
		}
		reports = append(reports, ClaimReport{Part: part, Claim: claim, Value: explainValue(claim, value), Ignored: !known})
		return nil
	})
	return reports, refusal
}

// explainValue returns a value as text for people.
func explainValue(claim string, value jsontext.Value) string {
	read := readClaim(value)
	switch {
	case read.kind == '"':
		return refuse.Show(read.text)
	case read.whole && (claim == "exp" || claim == "iat" || claim == "nbf"):
		if read.number >= 0 && read.number <= latest {
			return stamp(time.Unix(read.number, 0))
		}
		return string(value)
	case read.kind == '0' && !refuse.HoldsNHSNumber(string(value)):
		return string(value)
	default:
		return kindName(read.kind)
	}
}

// note adds a problem to the report of its claim. A missing claim gets a report
// of its own.
func note(reports []ClaimReport, claim, problem string) []ClaimReport {
	for i := range reports {
		if reports[i].Part == "payload" && reports[i].Claim == claim {
			reports[i].Problem = problem
			return reports
		}
	}
	return append(reports, ClaimReport{Part: "payload", Claim: claim, Problem: problem})
}
