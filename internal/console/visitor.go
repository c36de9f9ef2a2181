package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"nems/internal/operator"
	"nems/internal/requestid"
)

// Visitor is somebody who looks at the console.
type Visitor struct {
	// Name is shown in the frame; "" shows nobody.
	Name string
	// Desk is asked for them, and Roles are theirs.
	Desk  operator.Face
	Roles []operator.Role
	// Token is what each of their forms must bring back. It belongs to their session,
	// so that no other page, and no earlier session, can fill in a form. "" asks for
	// none, where nobody signs in.
	Token string
	// Left is how long they may watch something that does not end before they are
	// asked again who they are; 0 sets no limit.
	Left time.Duration
	// Leave signs them out, and says where else they may want to; nil where nobody
	// signs in.
	Leave func(http.ResponseWriter, *http.Request) (elsewhere string, err error)
}

// tokenField is the field of forms that holds Visitor.Token. htmx and scripts bring it
// in a header.
const tokenField = "form-token"

// signInPath is where a visitor signs in who then goes back to a page.
func signInPath(back string) string { return Root + "sign-in?" + url.Values{"back": {back}}.Encode() }

// who says who sends a request.
func (c *Console) who(r *http.Request) (Visitor, error) {
	if c.Admit == nil {
		return Visitor{Desk: c.Desk, Roles: c.Roles}, nil
	}
	return c.Admit(r)
}

// admitted shows a page only to those whom it is for. Others are told whom it is
// for; those who have not signed in are led to where they can.
func (c *Console) admitted(p page, next func(http.ResponseWriter, *visit)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(requestid.Give(r.Context(), w, r))
		who, err := c.who(r)
		v := c.visit(r, who)
		switch {
		case errors.Is(err, operator.Unauthenticated):
			c.strange(w, p, v)
		case err != nil:
			c.refuse(w, p, v, err)
		case p.role != "" && !slices.Contains(who.Roles, p.role):
			c.render(w, http.StatusForbidden, "forbidden.html", frame{visit: v, Page: p, Data: p.role})
		default:
			next(w, v)
		}
	})
}

// strange answers somebody who has not signed in, or whose session has ended.
// Nothing of what they sent is kept: it may name a patient.
func (c *Console) strange(w http.ResponseWriter, p page, v *visit) {
	switch {
	case p.raw != nil || v.Header.Get("HX-Request") != "":
		w.Header().Set("HX-Refresh", "true") // the page asks again as a whole
		http.Error(w, "You are not signed in.", http.StatusUnauthorized)
	case v.Method == http.MethodPost:
		c.render(w, http.StatusUnauthorized, "ended.html", frame{visit: v, Page: page{title: "Your session has ended"}, Data: signInPath(v.URL.Path)})
	default:
		http.Redirect(w, v.Request, signInPath(v.URL.RequestURI()), http.StatusSeeOther)
	}
}

// refuse shows an error in place of a page.
func (c *Console) refuse(w http.ResponseWriter, p page, v *visit, err error) {
	f := frame{visit: v, Page: p}
	var status int
	if status, f.Wrong = c.explain(err); status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
		f.Again = v.Method == http.MethodGet
	}
	c.render(w, status, "wrong.html", f)
}

// Givers says who can give a role, for somebody who lacks it.
func (f frame) Givers() string {
	if f.Gives == "" {
		return "Ask whoever runs this service."
	}
	return f.Gives
}

// Token is what forms of this page bring back.
func (f frame) Token() string { return f.who.Token }
