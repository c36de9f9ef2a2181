package subscription

import (
	"crypto/rand"
	"slices"
	"strings"

	"nems/internal/nhs"
)

// The criteria of the Multicast Notification Service: `eventType=T AND name='value'`.
// Source: NHSDigital/multicast-notification-service (2026-04), specification.

// mnsPrefix is the beginning of such criteria. Those of the NEMS begin with a slash.
const mnsPrefix = "eventType="

// MNS are the criteria that only the MNS has.
type MNS struct {
	// Type is the event type as the MNS names it, "" for criteria of the NEMS.
	Type string
	// Filters must all fit; those that a route key stands for are among them.
	Filters []Filter
}

// Filter asks for a value of an attribute by which publishers let their events be
// filtered.
type Filter struct{ Name, Value string }

// Names of filters that lead to a route key: subscriptions with one of them cost
// nothing for events about others.
const (
	FilterPractice     = "generalpractitioner"
	FilterRegisteredGP = "registeredgpodscode"
	FilterNHSNumber    = "nhsnumber"
)

// RuleEverybody is the rule of criteria without such a filter. No criteria of the
// NEMS can have it.
const RuleEverybody = "EVERYBODY"

// Everybody is the route key of all events.
var Everybody = RouteKey{Kind: ByEverybody}

// NHSNumberChange is the MNS's event about a number that was superseded. Here it comes
// of a record change.
const NHSNumberChange = "nhs-number-change-2"

const recordChange = "pds-record-change-1"

// mnsTypes are the event types of the NEMS that the MNS has under another name.
var mnsTypes = map[string]string{
	recordChange:               "pds-record-change-2",
	"pds-change-of-gp-1":       "pds-change-of-gp-2",
	"pds-death-notification-1": "pds-death-notification-2",
	"vaccinations-1":           "imms-vaccination-record-change-1",
}

// MNSTypes are the types of the second version that the MNS lists (specification;
// catalogue of events at digital.nhs.uk, 2026).
var MNSTypes = []string{
	"pds-record-change-2", "pds-change-of-gp-2", "pds-death-notification-2", NHSNumberChange, "gpreg-change-gp-req-1",
	"patientflags-change-1", "imms-vaccination-record-change-1", "pathology-laboratory-reporting-test-result-stored-1",
	"nhshco-hc-complete-1", "vrs-proxy-role-created-1", "vrs-proxy-role-changed-1", "vrs-proxy-role-deleted-1",
	"pdm-resource-change-1", "mns-test-signal-1",
}

// OnlyMNS reports whether a type is one that the MNS lists and that has no event type of
// the NEMS under it.
func OnlyMNS(eventType string) bool {
	return slices.Contains(MNSTypes, eventType) && len(mnsEvents(eventType)) == 1
}

// MNSType returns the name under which the MNS has an event type of the NEMS, "" for
// none.
func MNSType(code string) string { return mnsTypes[code] }

// mnsCodes precedes the type of an event that was published at the MNS's API. Two
// names stand for messages there and for something else here.
const mnsCodes = "mns."

// MNSCode returns the event code of what is published at the MNS's API.
func MNSCode(eventType string) string { return mnsCodes + eventType }

// PublishedAtMNS returns the type of an event that was published at the MNS's API.
func PublishedAtMNS(code string) (eventType string, ok bool) {
	return strings.CutPrefix(code, mnsCodes)
}

// mnsEvents lists the event codes that come under a type of the MNS.
func mnsEvents(eventType string) []string {
	events := []string{MNSCode(eventType)}
	if eventType == NHSNumberChange {
		return append(events, recordChange)
	}
	for code, name := range mnsTypes {
		if name == eventType {
			events = append(events, code)
		}
	}
	return events
}

// Limits of criteria of the MNS.
const (
	maxType        = 100
	maxFilters     = 20
	maxFilterName  = 64
	maxFilterValue = 200
)

// ReadCriteria reads criteria of either service, as they are stored.
func ReadCriteria(s string) (Criteria, error) {
	if strings.HasPrefix(s, mnsPrefix) {
		return ParseMNSCriteria(s)
	}
	return ParseCriteria(s)
}

// ParseMNSCriteria reads criteria of the MNS. Values are bare or in single quotes.
// An error is always a *CriteriaError.
func ParseMNSCriteria(s string) (Criteria, error) {
	c := Criteria{Text: s}
	if len(s) > maxCriteria || !strings.HasPrefix(s, mnsPrefix) {
		return Criteria{}, wrong("criteria", "eventType=TYPE, and AND name='value' for each filter", "another beginning, or too much")
	}
	for rest, more := s, true; more; {
		var f Filter
		var err error
		if f, rest, more, err = nextTerm(rest); err != nil {
			return Criteria{}, err
		}
		if c.MNS.Type == "" {
			c.MNS.Type = f.Value
			continue
		}
		c.MNS.Filters = append(c.MNS.Filters, f)
	}
	if err := c.MNS.check(); err != nil {
		return Criteria{}, err
	}
	c.Events = mnsEvents(c.MNS.Type)
	return c, c.mnsKey()
}

// nextTerm reads name=value or name='value', and the AND behind it.
func nextTerm(s string) (f Filter, rest string, more bool, err error) {
	name, rest, found := strings.Cut(s, "=")
	if !found {
		return f, "", false, wrong("criteria", "name='value' after AND", "no equals sign")
	}
	f.Name = strings.TrimSpace(name)
	if quoted, is := strings.CutPrefix(rest, "'"); is {
		value, behind, closed := strings.Cut(quoted, "'")
		if !closed {
			return f, "", false, wrong("criteria", "a single quote behind each value that begins with one", "none")
		}
		f.Value, rest = value, behind
	} else if value, behind, another := strings.Cut(rest, " AND "); another {
		f.Value, rest = value, " AND "+behind
	} else {
		f.Value, rest = rest, ""
	}
	if strings.TrimSpace(rest) == "" {
		return f, "", false, nil
	}
	rest, found = strings.CutPrefix(rest, " AND ")
	if !found {
		return f, "", false, wrong("criteria", "AND between two conditions", "something else")
	}
	return f, rest, true, nil
}

// IsMNSType reports whether a text has the form of an event type of the MNS: a name
// that ends in the number of its version.
func IsMNSType(s string) bool {
	name, version, found := cutLast(s, '-')
	return found && len(s) <= maxType && name != "" && version != "" && strings.Trim(version, "0123456789") == "" &&
		!strings.ContainsFunc(name, func(r rune) bool { return !isCodeRune(r) })
}

func cutLast(s string, by byte) (before, after string, found bool) {
	i := strings.LastIndexByte(s, by)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

func (m *MNS) check() error {
	if !IsMNSType(m.Type) {
		return wrong("eventType", "an event type such as pds-change-of-gp-2", shown(m.Type))
	}
	if len(m.Filters) > maxFilters {
		return wrong("criteria", "at most 20 filters", "more")
	}
	for _, f := range m.Filters {
		switch {
		case f.Name == "" || len(f.Name) > maxFilterName || strings.ContainsFunc(f.Name, func(r rune) bool { return !isCodeRune(r) }):
			return wrong("criteria", "a name of letters, digits and _ for each filter", shown(f.Name))
		case f.Value == "" || len(f.Value) > maxFilterValue:
			return wrong(shown(f.Name), "a value of 1 to 200 bytes", "none, or a longer one")
		}
	}
	return nil
}

// mnsKey finds the route key: the patient, else the practice, else everybody.
func (c *Criteria) mnsKey() error {
	c.Rule = RuleEverybody
	for i := range c.MNS.Filters {
		f := &c.MNS.Filters[i]
		switch f.Name {
		case FilterNHSNumber:
			n, err := nhs.ParseNHSNumber(f.Value)
			if err != nil {
				return &CriteriaError{f.Name, "an NHS number", "another value", true}
			}
			f.Value = n.Digits()
			c.Patient, c.Rule, c.Organisation = n, "", ""
		case FilterPractice, FilterRegisteredGP:
			code, err := nhs.ParseODSCode(f.Value)
			if err != nil {
				return wrong(f.Name, "the ODS code of a practice", shown(f.Value))
			}
			f.Value = string(code)
			if c.Rule == RuleEverybody {
				c.Rule, c.Organisation = RulePractice, f.Value
			}
		}
	}
	return nil
}

// normal returns the criteria in normal form: see Criteria.Normal.
func (m *MNS) normal() string {
	filters := slices.Clone(m.Filters)
	slices.SortFunc(filters, func(a, b Filter) int { return strings.Compare(a.Name+"="+a.Value, b.Name+"="+b.Value) })
	out := mnsPrefix + m.Type
	for _, f := range slices.Compact(filters) {
		out += " AND " + f.Name + "='" + f.Value + "'"
	}
	return out
}

// NewMNSID issues an id as the MNS has them: a UUID of version 4.
func NewMNSID() ID {
	var id ID
	_, _ = rand.Read(id[:]) // as in NewID
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// OfMNS reports whether an id is one that NewMNSID issued.
func (id ID) OfMNS() bool { return id[6]>>4 == 4 }
