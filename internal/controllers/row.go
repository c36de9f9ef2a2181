// Package controllers is the controller catalogue: which organisation publishes or
// receives which events, for which purpose, on which legal basis, who decided so
// and until when its evidence holds (NEMS specification, page "Controller
// Catalogue", which describes it as documents; here it is data that the service
// obeys).
package controllers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"nems/internal/nhs"
)

// Role is what an organisation does with an event type.
type Role string

// The roles. A row with Both stands for one of each.
const (
	Publisher Role = "publisher"
	Consumer  Role = "consumer"
	Both      Role = "both"
)

// Status is how far an organisation has come with an event type. Only a Live row
// permits anything.
type Status string

// The statuses, in the order in which rows usually pass through them.
const (
	Requested Status = "requested" // asked for; nothing is decided
	Assured   Status = "assured"   // decided and assured, not yet live
	Live      Status = "live"
	Suspended Status = "suspended" // by a person, for the time being
	Ended     Status = "ended"     // for good; kept as a record
)

// Row says what one organisation may do with one event type in one care setting,
// and why. It is stored as JSON, so members must not be renamed.
type Row struct {
	Organisation nhs.ODSCode `json:"organisation"`
	Role         Role        `json:"role"`
	// Setting is the care setting, such as UHV (health visiting) or CHO (child
	// health organisation), or "".
	Setting string `json:"setting,omitempty"`
	// Event is the code of the event type.
	Event  string `json:"event"`
	Status Status `json:"status"`
	// Purpose is what the events are used for, for people to read.
	Purpose string  `json:"purpose,omitempty"`
	Basis   Basis   `json:"basis,omitzero"`
	Decided Decided `json:"decided,omitzero"`
	// Scope is what a consumer may subscribe to; publishers have none.
	Scope Scope `json:"scope,omitzero"`
	// Grants are what a consumer may have beyond copies in a MESH mailbox.
	Grants []string `json:"grants,omitempty"`
	// Evidence is what the permission rests on. A row whose evidence has expired
	// permits nothing.
	Evidence []Evidence `json:"evidence,omitempty"`
	// Retention is how long a consumer says that it keeps what it gets, for
	// people to read.
	Retention string `json:"retention,omitempty"`
	// Contact is how the organisation is reached about these events. It is not
	// published.
	Contact string `json:"contact,omitempty"`
	Notes   string `json:"notes,omitempty"`
}

// Basis is the legal basis on which an organisation has the events.
type Basis struct {
	// Code is one of Bases.
	Code string `json:"code"`
	// Reference names the agreement or the law, such as "DSA 2023/14".
	Reference string `json:"ref,omitempty"`
}

// Bases are the legal bases that the national catalogue names (documents
// "Purpose & Lawful Basis", 2023), and other, which needs a reference.
var Bases = []string{"direct-care", "legal-obligation", "public-health", "section-7a", "section-270", "other"}

// Decided is who decided that the organisation may, and when that is looked at again.
type Decided struct {
	// By is the body that decided, such as IWG (Interoperability Working Group).
	By string `json:"by"`
	On Date   `json:"on"`
	// Review is the day by which the decision is to be reviewed. A late review
	// is shown, but takes nothing away.
	Review Date `json:"review,omitzero"`
}

// Scope is what a consumer may subscribe to.
type Scope struct {
	// Rules are values of subscriptionRuleType, and EXPLICIT for subscriptions
	// to one patient.
	Rules []string `json:"rules,omitempty"`
	// Codes are the organisations and areas that those rules may name; * stands
	// for every one. EXPLICIT and EVERYBODY need none.
	Codes []string `json:"codes,omitempty"`
}

// Evidence is a document that a permission rests on, such as a data sharing
// arrangement (dsa), a technical conformance certificate (tcc) or the yearly data
// security and protection toolkit (dspt).
type Evidence struct {
	Kind      string `json:"kind"`
	Reference string `json:"ref,omitempty"`
	Given     Date   `json:"given,omitzero"`
	// Expires is the last day on which it holds; zero means for ever.
	Expires Date `json:"expires,omitzero"`
}

// ID names a row among all others: there is one for each organisation, event
// type, role and care setting.
func (r Row) ID() string {
	id := string(r.Organisation) + "/" + r.Event + "/" + string(r.Role)
	if r.Setting != "" {
		id += "/" + r.Setting
	}
	return id
}

// Order puts rows in the order in which people read them.
func Order(a, b Row) int {
	return cmp.Or(cmp.Compare(a.Organisation, b.Organisation), cmp.Compare(a.Event, b.Event),
		cmp.Compare(a.Role, b.Role), cmp.Compare(a.Setting, b.Setting))
}

// has reports whether the row gives a role.
func (r Row) has(role Role) bool { return r.Role == role || r.Role == Both }

// Expiry returns the evidence that expires first, and false if none ever does.
func (r Row) Expiry() (first Evidence, expires bool) {
	for _, e := range r.Evidence {
		if !e.Expires.IsZero() && (!expires || e.Expires.Before(first.Expires)) {
			first, expires = e, true
		}
	}
	return first, expires
}

// Lacks says why the row permits nothing at t, or "" if it permits what is in its
// scope.
func (r Row) Lacks(t time.Time) string {
	switch r.Status {
	case Live:
	case Requested:
		return "it was requested, and is not decided yet"
	case Assured:
		return "it is assured, but not live yet"
	default:
		return "it is " + string(r.Status)
	}
	if day := DateOf(t); r.Decided.On.After(day) {
		return "it holds from " + r.Decided.On.String()
	}
	if e, expires := r.Expiry(); expires && e.Expires.Before(DateOf(t)) {
		return fmt.Sprintf("its evidence %s expired on %s", e.Kind, e.Expires)
	}
	return ""
}

// The warnings before evidence expires, in days.
var warnings = []int{14, 60}

// Notice says what a person should do about a live row at t: that its evidence
// has expired or expires within 14 or 60 days, or that its review is late. days
// is how long evidence still holds, negative if it has expired.
func (r Row) Notice(t time.Time) (notice string, days int) {
	if r.Status != Live {
		return "", 0
	}
	day := DateOf(t)
	if e, expires := r.Expiry(); expires {
		days = day.Until(e.Expires)
		switch {
		case days < 0:
			return fmt.Sprintf("evidence %s expired on %s: the row is suspended", e.Kind, e.Expires), days
		case days <= slices.Max(warnings):
			return fmt.Sprintf("evidence %s expires on %s, in %s", e.Kind, e.Expires, inDays(days)), days
		}
	}
	if r.Decided.Review.Before(day) && !r.Decided.Review.IsZero() {
		return "its review was due on " + r.Decided.Review.String(), days
	}
	return "", days
}

// Urgent reports whether evidence that holds for so many days needs somebody soon.
func Urgent(days int) bool { return days <= slices.Min(warnings) }

func inDays(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

// covers reports whether the scope has the rule with the code.
func (s Scope) covers(rule, code string) bool {
	if !slices.Contains(s.Rules, rule) {
		return false
	}
	return !needsCode(rule) || slices.Contains(s.Codes, "*") ||
		slices.ContainsFunc(s.Codes, func(c string) bool { return strings.EqualFold(c, code) })
}
