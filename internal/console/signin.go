package console

import (
	"errors"
	"net/http"

	"nems/internal/operator"
	"nems/internal/signin"
)

// mountSignIn adds the pages by which people come and go. They need no role.
func (c *Console) mountSignIn(mux *http.ServeMux, sameOrigin func(http.Handler) http.Handler) {
	if c.Gate == nil {
		return
	}
	handle := func(way func(http.ResponseWriter, *visit) error) http.Handler {
		return guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			v := c.visit(r, Visitor{})
			if err := way(w, v); err != nil {
				c.notSignedIn(w, v, err)
			}
		}))
	}
	mux.Handle("GET "+Root+"sign-in", handle(c.showSignIn))
	mux.Handle("GET "+Root+"sign-in/openid", handle(func(w http.ResponseWriter, v *visit) error { return c.Gate.Start(w, v.Request) }))
	mux.Handle("GET "+signin.CallbackPath, handle(func(w http.ResponseWriter, v *visit) error {
		back, err := c.Gate.Finish(w, v.Request)
		return c.goBack(w, v, back, err)
	}))
	mux.Handle("GET "+operator.SignInLinkPath, handle(c.byLink))
	mux.Handle("POST "+Root+"sign-in/certificate", guarded(sameOrigin(handle(func(w http.ResponseWriter, v *visit) error {
		v.Body = http.MaxBytesReader(w, v.Body, maxForm)
		back := signin.Back(v.PostFormValue("back"))
		return c.goBack(w, v, back, c.Gate.ByCertificate(w, v.Request))
	}))))
	mux.Handle("POST "+Root+"sign-out", guarded(sameOrigin(http.HandlerFunc(c.signOut))))
}

// signInPage is the page by which people come in.
var signInPage = page{title: "Sign in"}

// ways are what the page offers.
type ways struct {
	OpenID      bool
	Certificate string // the name that the browser's certificate has
	Back        string
}

func (c *Console) ways(r *http.Request) ways {
	return ways{OpenID: c.Gate.OpenID != nil, Certificate: c.Gate.Certificate(r), Back: signin.Back(r.URL.Query().Get("back"))}
}

func (c *Console) showSignIn(w http.ResponseWriter, v *visit) error {
	c.render(w, http.StatusOK, "sign-in.html", frame{visit: v, Page: signInPage, Data: c.ways(v.Request)})
	return nil
}

// byLink uses a link. Programs that look at what a link leads to ask for its head
// alone: that does not use it up.
func (c *Console) byLink(w http.ResponseWriter, v *visit) error {
	if v.Method != http.MethodGet {
		return nil
	}
	return c.goBack(w, v, Root, c.Gate.ByLink(w, v.Request, v.URL.Query().Get("token")))
}

// goBack leads to a page once somebody is signed in.
func (c *Console) goBack(w http.ResponseWriter, v *visit, back string, err error) error {
	if err == nil {
		http.Redirect(w, v.Request, back, http.StatusSeeOther)
	}
	return err
}

// notSignedIn says why somebody is not signed in.
func (c *Console) notSignedIn(w http.ResponseWriter, v *visit, err error) {
	status, text := c.explain(err)
	var known *operator.Error
	if errors.As(err, &known) && known.Retryable() {
		text = sentence(known.Message)
	}
	c.render(w, status, "sign-in.html", frame{visit: v, Page: signInPage, Data: c.ways(v.Request), Wrong: text})
}

// signOut ends the session of whoever sends its form. Who has none is out already.
func (c *Console) signOut(w http.ResponseWriter, r *http.Request) {
	who, err := c.who(r)
	v := c.visit(r, who)
	p := page{title: "Signed out"}
	if err == nil {
		err = v.readForm(w)
	}
	elsewhere := ""
	if err == nil {
		elsewhere, err = who.Leave(w, r)
	}
	if err != nil && !errors.Is(err, operator.Unauthenticated) {
		p.title = "Not signed out"
		c.refuse(w, p, v, err)
		return
	}
	c.render(w, http.StatusOK, "signed-out.html", frame{visit: c.visit(r, Visitor{}), Page: p, Data: elsewhere})
}
