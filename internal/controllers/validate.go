package controllers

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"nems/internal/nhs"
	"nems/internal/subscription"
)

// RuleExplicit stands, in a scope, for subscriptions to one patient.
const RuleExplicit = "EXPLICIT"

// Rules are what a scope may name.
var Rules = []string{RuleExplicit, subscription.RulePractice, subscription.RuleSubICBOfGP, subscription.RuleSubICBPostcode,
	subscription.RuleLocalAuthority, subscription.RuleCountry, subscription.RuleEverybody}

// needsCode reports whether a rule is about an organisation or an area.
func needsCode(rule string) bool { return rule != RuleExplicit && rule != subscription.RuleEverybody }

// RuleOf returns the rule and the code of a scope that a subscription needs.
func RuleOf(c subscription.Criteria) (rule, code string) {
	if c.Explicit() {
		return RuleExplicit, ""
	}
	return c.Rule, c.Organisation
}

// The grants. GrantReplay may end in the number of days that it reaches back, as
// in replay-30d.
const (
	GrantWebhook = "webhook"      // copies and signals over HTTPS, in R4 too
	GrantStream  = "stream"       // reading events as a stream or in pages
	GrantQueue   = "queue"        // copies and signals to queues
	GrantFull    = "full-payload" // the whole record in a notification, not its id alone
	GrantReplay  = "replay"       // events again
)

var (
	wordPattern  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 _.()&-]{0,49}$`)
	kindPattern  = regexp.MustCompile(`^[a-z][a-z0-9-]{0,29}$`)
	grantPattern = regexp.MustCompile(`^(mesh|webhook|stream|queue|full-payload|replay|replay-[1-9][0-9]{0,3}d|pointer-[0-9]{6,18})$`)
	codePattern  = regexp.MustCompile(`^(\*|[A-Za-z0-9]{1,12})$`)
)

const grantsExpected = "mesh, webhook, stream, queue, full-payload, replay, replay-30d (so many days back) or pointer-736253002 (a pointer type)"

// longest is the limit of a text that people read.
const longest = 500

// Problem is what is wrong with a member of a row.
type Problem struct{ Member, Expected, Received string }

// Error names member, expectation and what was there.
func (p Problem) Error() string {
	if p.Received == "" {
		return p.Member + ": expected " + p.Expected + "; it is missing"
	}
	return fmt.Sprintf("%s: expected %s; received %q", p.Member, p.Expected, p.Received)
}

// Validate returns everything that is wrong with a row. known reports whether
// there is such an event type. A row that is live, or was, needs all that makes a
// decision accountable: purpose, basis, who decided and when, and the review.
func (r Row) Validate(known func(code string) bool) (problems []Problem) {
	wrong := func(member, expected, received string) {
		problems = append(problems, Problem{member, expected, received})
	}
	oneOf := func(member, value string, words ...string) {
		if !slices.Contains(words, value) {
			wrong(member, "one of "+strings.Join(words, ", "), value)
		}
	}
	if code, err := nhs.ParseODSCode(string(r.Organisation)); err != nil || code != r.Organisation {
		wrong("organisation", "an ODS code in capitals", string(r.Organisation))
	}
	oneOf("role", string(r.Role), string(Publisher), string(Consumer), string(Both))
	oneOf("status", string(r.Status), string(Requested), string(Assured), string(Live), string(Suspended), string(Ended))
	if r.Setting != "" && !wordPattern.MatchString(r.Setting) {
		wrong("setting", "a care setting of at most 50 letters, digits, blanks or hyphens", r.Setting)
	}
	if !known(r.Event) {
		wrong("event", "the code of an event type, as nems event-types lists them", r.Event)
	}
	for _, text := range []struct{ member, value string }{{"purpose", r.Purpose}, {"retention", r.Retention}, {"contact", r.Contact}, {"notes", r.Notes},
		{"basis.ref", r.Basis.Reference}, {"decided.by", r.Decided.By}} {
		if len(text.value) > longest || strings.ContainsFunc(text.value, isControl) {
			wrong(text.member, fmt.Sprintf("at most %d bytes of one line", longest), fmt.Sprintf("%.40s…", text.value))
		}
	}
	if r.Basis.Code != "" {
		oneOf("basis.code", r.Basis.Code, Bases...)
	}
	if r.Status != Requested {
		r.accountable(wrong)
	}
	r.scope(wrong)
	r.evidence(wrong)
	return problems
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }

// accountable reports what a decision lacks.
func (r Row) accountable(wrong func(member, expected, received string)) {
	for _, needed := range []struct{ member, value, expected string }{
		{"purpose", r.Purpose, "what the events are used for"},
		{"basis.code", r.Basis.Code, "the legal basis: one of " + strings.Join(Bases, ", ")},
		{"decided.by", r.Decided.By, "who decided"},
		{"decided.on", r.Decided.On.String(), "the day of the decision"},
		{"decided.review", r.Decided.Review.String(), "the day by which it is reviewed"},
	} {
		if needed.value == "" || needed.value == "TBC" || needed.value == "TBD" || needed.value == "N/A" {
			wrong(needed.member, needed.expected+" (only a row that is requested may lack it)", needed.value)
		}
	}
	if r.Basis.Code == "other" && r.Basis.Reference == "" {
		wrong("basis.ref", "the law or agreement, because the basis is other", "")
	}
	if !r.Decided.Review.IsZero() && r.Decided.Review.Before(r.Decided.On) {
		wrong("decided.review", "a day after the decision", r.Decided.Review.String())
	}
}

// scope reports what is wrong with scope and grants.
func (r Row) scope(wrong func(member, expected, received string)) {
	area := false
	for _, rule := range r.Scope.Rules {
		if !slices.Contains(Rules, rule) {
			wrong("scope.rules", "one of "+strings.Join(Rules, ", "), rule)
		}
		area = area || needsCode(rule)
	}
	for _, code := range r.Scope.Codes {
		if !codePattern.MatchString(code) {
			wrong("scope.codes", "codes of organisations or areas, or *", code)
		}
	}
	for _, grant := range r.Grants {
		if !grantPattern.MatchString(grant) {
			wrong("grants", grantsExpected, grant)
		}
	}
	switch consumer := r.has(Consumer); {
	case !consumer && len(r.Scope.Rules)+len(r.Scope.Codes) > 0:
		wrong("scope", "nothing, because a publisher does not subscribe", strings.Join(append(r.Scope.Rules, r.Scope.Codes...), " "))
	case !consumer && len(r.Grants) > 0:
		wrong("grants", "nothing, because a publisher gets no events", strings.Join(r.Grants, " "))
	case consumer && r.Status != Requested && len(r.Scope.Rules) == 0:
		wrong("scope.rules", "what the organisation may subscribe by: some of "+strings.Join(Rules, ", "), "")
	case consumer && area && len(r.Scope.Codes) == 0:
		wrong("scope.codes", "the organisations or areas that its rules may name, or *", "")
	}
}

// evidence reports what is wrong with the evidence.
func (r Row) evidence(wrong func(member, expected, received string)) {
	seen := map[string]bool{}
	for _, e := range r.Evidence {
		switch {
		case !kindPattern.MatchString(e.Kind):
			wrong("evidence.kind", "a short word in small letters, such as dsa, tcc or dspt", e.Kind)
		case seen[e.Kind]:
			wrong("evidence."+e.Kind, "each kind once", e.Kind)
		case len(e.Reference) > longest || strings.Contains(e.Reference, ";") || strings.ContainsFunc(e.Reference, isControl):
			wrong("evidence."+e.Kind+".ref", fmt.Sprintf("at most %d bytes of one line, without semicolons", longest), fmt.Sprintf("%.40s…", e.Reference))
		case !e.Expires.IsZero() && e.Expires.Before(e.Given):
			wrong("evidence."+e.Kind+".expires", "a day after it was given", e.Expires.String())
		}
		seen[e.Kind] = true
	}
}
