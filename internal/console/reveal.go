package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"nems/internal/nhs"
	"nems/internal/operator"
)

// The fields of the form that shows identifiers.
const (
	revealField  = "reveal"
	revealReason = "reveal-reason"
	revealText   = "reveal-text"
)

// anotherReason needs words of its own.
const anotherReason = "Another reason"

// Reasons are the common reasons for seeing who a patient is.
func (frame) Reasons() []string {
	return []string{"A question of the patient", "Direct care", "A message that failed", "An incident", "A request for access to records", anotherReason}
}

// Patient writes an NHS number as who looks may see it: masked, until they have
// said why they need it.
func (f frame) Patient(number string) string {
	if number == "" {
		return ""
	}
	if !f.shown {
		return masked(number)
	}
	if _, err := nhs.ParseNHSNumber(number); err == nil && !slices.Contains(f.visit.seen, number) {
		f.visit.seen = append(f.visit.seen, number)
	}
	return number
}

// Shown tells that identifiers are shown because somebody gave a reason.
func (f frame) Shown() bool { return f.shown && !f.Dev }

// Refill are the fields by which the page is asked for again.
func (f frame) Refill() url.Values {
	out := url.Values{}
	for name, values := range f.form {
		if !strings.HasPrefix(name, revealField) {
			out[name] = values
		}
	}
	return out
}

// reveal shows a page once more with its patients' identifiers, for a reason that the
// audit keeps. What the page's form would do is not done again: it is only read.
func (c *Console) reveal(w http.ResponseWriter, p page, v *visit) {
	reason, more := v.text(revealReason), strings.TrimSpace(v.text(revealText))
	switch {
	case !slices.Contains(v.Roles, operator.Governance):
		c.answer(w, p, v, "", &operator.Error{Code: operator.Forbidden, Message: "to see who patients are needs the role governance"})
		return
	case reason == "" || reason == anotherReason && more == "":
		c.answer(w, p, v, "", &operator.Error{Code: operator.Invalid, Field: revealReason, Message: "say why you need to see who the patients are"})
		return
	case more != "":
		reason += ": " + more
	}
	for name := range v.form {
		if strings.HasPrefix(name, revealField) {
			v.form.Del(name)
		}
	}
	v.shown, v.reason = true, reason
	f := frame{visit: v, Page: p, Form: v.form}
	file, status := c.fill(&f, nil)
	page, err := c.made(file, f) // finds out which patients are shown
	if err == nil {
		err = operator.RevealPatients.Run(v, v.Desk, operator.Reveal{Page: strings.TrimPrefix(v.URL.Path, Root), Reason: reason, Patients: v.seen})
	}
	if err != nil {
		v.shown = false
		c.refuse(w, p, v, err)
		return
	}
	c.send(w, status, page)
}
