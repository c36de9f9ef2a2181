package controllers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"nems/internal/nhs"
)

// Mode is how closely the service follows the catalogue.
type Mode string

// The modes.
const (
	Off     Mode = "off"     // rows are kept and shown, and nothing follows from them
	Report  Mode = "report"  // what they would refuse is recorded, and done all the same
	Enforce Mode = "enforce" // what they do not permit is refused
)

// Catalogue is all rows, for questions. It does not change, and is safe for
// concurrent use. The zero value has no rows and permits nothing.
type Catalogue struct {
	rows []Row
	of   map[nhs.ODSCode]map[string][]*Row // by organisation and event type
}

// New returns a catalogue of these rows.
func New(rows []Row) *Catalogue {
	c := &Catalogue{rows: slices.SortedFunc(slices.Values(rows), Order), of: map[nhs.ODSCode]map[string][]*Row{}}
	for i := range c.rows {
		r := &c.rows[i]
		if c.of[r.Organisation] == nil {
			c.of[r.Organisation] = map[string][]*Row{}
		}
		c.of[r.Organisation][r.Event] = append(c.of[r.Organisation][r.Event], r)
	}
	return c
}

// Rows returns all rows, in order.
func (c *Catalogue) Rows() []Row { return slices.Clone(c.rows) }

// Of returns the rows of an organisation for an event type.
func (c *Catalogue) Of(organisation nhs.ODSCode, event string) (rows []Row) {
	for _, r := range c.of[organisation][event] {
		rows = append(rows, *r)
	}
	return rows
}

// Question is whether an organisation may do something with events of a type.
type Question struct {
	Organisation nhs.ODSCode
	Role         Role // Publisher or Consumer
	Event        string
	// Rule and Code are what a subscription is by (see RuleOf); "" asks whether
	// the organisation may have the events at all.
	Rule, Code string
	// Grant is what it needs beyond copies in a MESH mailbox, "" for nothing.
	Grant string
	// Back is how far a replay reaches back, for GrantReplay.
	Back time.Duration
	At   time.Time
}

// Verdict is the answer to a question.
type Verdict struct {
	Allowed bool
	// Row permits it, or comes nearest to permitting it; nil if there is none for
	// the organisation and event type.
	Row *Row
	// Lacks says what is missing, for the organisation to read.
	Lacks string
}

// Judge answers a question. One row must permit all of it: two rows of different
// settings do not add up, because each has its own purpose.
func (c *Catalogue) Judge(q Question) Verdict {
	nearest, rank := Verdict{Lacks: c.without(q)}, 0
	for _, r := range c.of[q.Organisation][q.Event] {
		lacks, near := r.lacksFor(q)
		if lacks == "" {
			return Verdict{Allowed: true, Row: r}
		}
		if near > rank {
			nearest, rank = Verdict{Row: r, Lacks: lacks}, near
		}
	}
	return nearest
}

// without says what is missing if no row is about the organisation and the event.
func (c *Catalogue) without(q Question) string {
	if len(c.of[q.Organisation]) == 0 {
		return fmt.Sprintf("the controller catalogue has no row for the organisation %s", q.Organisation)
	}
	return fmt.Sprintf("the controller catalogue has no row for the organisation %s and %s", q.Organisation, q.Event)
}

// lacksFor says what a row lacks for a question, "" for nothing, and how near it
// comes to permitting it.
func (r *Row) lacksFor(q Question) (lacks string, near int) {
	name := "row " + r.ID() + " of the controller catalogue: "
	if !r.has(q.Role) {
		return fmt.Sprintf("%sthe organisation is %s there, not %s", name, r.Role, q.Role), 1
	}
	if lacks := r.Lacks(q.At); lacks != "" {
		return name + lacks, 2
	}
	if q.Rule != "" && !r.Scope.covers(q.Rule, q.Code) {
		if !slices.Contains(r.Scope.Rules, q.Rule) {
			return fmt.Sprintf("%sits rules are %s, not %s", name, strings.Join(r.Scope.Rules, ", "), q.Rule), 3
		}
		return fmt.Sprintf("%sits scope has no %s", name, q.Code), 4
	}
	if lacks := r.lacksGrant(q); lacks != "" {
		return name + lacks, 5
	}
	return "", 0
}

func (r *Row) lacksGrant(q Question) string {
	if q.Grant == "" || slices.Contains(r.Grants, q.Grant) {
		return ""
	}
	if q.Grant != GrantReplay {
		return "there is no grant " + q.Grant
	}
	reach := 0
	for _, g := range r.Grants {
		if days, found := strings.CutPrefix(g, GrantReplay+"-"); found {
			n, _ := strconv.Atoi(strings.TrimSuffix(days, "d"))
			reach = max(reach, n)
		}
	}
	switch {
	case reach == 0:
		return "there is no grant " + GrantReplay
	case q.Back > time.Duration(reach)*24*time.Hour:
		return fmt.Sprintf("its replays reach %s back", inDays(reach))
	}
	return ""
}
