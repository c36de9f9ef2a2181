package console

import (
	"bytes"
	"cmp"
	"context"
	"crypto/subtle"
	"embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"nems/internal/operator"
	"nems/internal/plain"
	"nems/internal/requestid"
	"nems/internal/signin"
	"nems/internal/store"
	"nems/internal/subscription"
)

// page is one page of the console.
type page struct {
	// path is below Root, "" for the first page; it may have {wildcards}.
	path  string
	title string // also in the menu
	// within is the title of the page in the menu that this one belongs to; "" for
	// one that is in the menu itself.
	within string
	role   operator.Role
	file   string // its template in folder pages
	// css is a file in assets with what this page alone needs; "" for none.
	css string
	// read collects what the page shows; its error says why it cannot be shown.
	read func(*visit) (any, error)
	// act does what a form of the page asks for, and returns what was done, for
	// people; nil where there are no forms. A page of its own is shown instead
	// when ask is not nil.
	act func(*visit) (done outcome, err error)
	// acts is the role that act needs, where that is another one: who lacks it is asked
	// nothing.
	acts operator.Role
	// raw writes an answer that is no page: a file, a stream. It replaces read. An
	// error is shown as a page, if nothing was written yet.
	raw func(*visit, http.ResponseWriter) error
	// download answers a form that has the field export with a file; nil where there
	// is none. An error is shown as a page, if nothing was written yet.
	download func(*visit, http.ResponseWriter) error
}

// pattern is the path as a mux has it.
func (p page) pattern() string { return cmp.Or(p.path, "{$}") }

// outcome is what came of a form.
type outcome struct {
	done string // a sentence
	// undo is a form that takes it back, its Confirm the words of the button; nil where
	// nothing does.
	undo *question
	// ask is what the person is to confirm first; nil for nothing.
	ask *question
}

// question is shown before something is done that concerns many.
type question struct {
	Text    string   // what is about to happen
	Items   []string // to what, at most some
	Confirm string   // the words of the button
	Form    url.Values
}

// visit is one request for a page.
type visit struct {
	context.Context //nolint:containedctx // of the request
	*Console
	*http.Request
	// Desk is asked for whoever looks, and Roles are theirs.
	Desk  operator.Face
	Roles []operator.Role
	// Who is their name, "" where nobody signs in.
	Who  string
	who  Visitor
	form url.Values // of the URL, and of a form that was sent
	// result is what a form has brought, for the page that is shown then.
	result any
	undo   *question
	// shown tells that patients' identifiers are to be shown in full; seen are those
	// that were.
	// reason is why.
	shown  bool
	reason string
	asked  []operator.Asked
	seen   []string
}

func (c *Console) visit(r *http.Request, who Visitor) *visit {
	v := &visit{Context: r.Context(), Console: c, Request: r, Roles: who.Roles, Who: who.Name, who: who, form: url.Values{}, shown: c.Dev}
	if desk, ok := who.Desk.(operator.Desk); ok {
		desk.Request = requestid.ID(r.Context())
		who.Desk = desk
	}
	if who.Desk != nil {
		v.Desk = operator.Recorded(who.Desk, func(a operator.Asked) { v.asked = append(v.asked, a) })
	}
	return v
}

// text is the value of a field.
func (v *visit) text(name string) string { return v.form.Get(name) }

// private are fields that stand in a form alone, never in a URL: they may name a
// patient.
var private = []string{"patient", "whom", "about", "look"}

// show shows a page.
func (c *Console) show(p page) http.Handler {
	return c.admitted(p, func(w http.ResponseWriter, v *visit) {
		v.form = v.URL.Query()
		for _, name := range private {
			v.form.Del(name)
		}
		c.answer(w, p, v, "", nil)
	})
}

// hand hands out what is no page. What does not end by itself ends when whoever
// watches must say again who they are.
func (c *Console) hand(p page) http.Handler {
	return c.admitted(p, func(w http.ResponseWriter, v *visit) {
		v.form = v.URL.Query()
		if v.who.Left > 0 {
			watching, stop := context.WithTimeout(v.Context, v.who.Left)
			defer stop()
			v.Context, v.Request = watching, v.Request.WithContext(watching)
		}
		out := &begun{ResponseWriter: w}
		if err := p.raw(v, out); err != nil && !out.begun {
			c.refuse(w, p, v, err)
		}
	})
}

// begun knows whether an answer has begun.
type begun struct {
	http.ResponseWriter
	begun bool
}

func (b *begun) WriteHeader(status int) {
	b.begun = true
	b.ResponseWriter.WriteHeader(status)
}

func (b *begun) Write(p []byte) (int, error) {
	b.begun = true
	return b.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (b *begun) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// maxForm is how large a form may be: the largest message, and some more.
const maxForm = 4 << 20

// do does what a form asks for and shows the page again.
func (c *Console) do(p page) http.Handler {
	return c.admitted(p, func(w http.ResponseWriter, v *visit) {
		if err := v.readForm(w); err != nil {
			c.refuse(w, p, v, err)
			return
		}
		if v.form.Get(revealField) != "" {
			c.reveal(w, p, v)
			return
		}
		if p.download != nil && v.form.Get(exportField) != "" {
			c.download(w, p, v)
			return
		}
		if p.act == nil {
			c.refuse(w, p, v, &operator.Error{Code: operator.Invalid, Message: "this page takes no form"})
			return
		}
		if p.acts != "" && !slices.Contains(v.Roles, p.acts) {
			c.refuse(w, p, v, &operator.Error{Code: operator.Forbidden, Message: "this needs the role " + string(p.acts)})
			return
		}
		out, err := p.act(v)
		if out.ask != nil {
			c.render(w, http.StatusOK, "confirm.html", frame{visit: v, Page: p, Data: out.ask})
			return
		}
		v.undo = out.undo
		c.answer(w, p, v, out.done, err)
	})
}

// exportField is the field of a form that asks for a file.
const exportField = "export"

// download hands out a file. One that breaks off ends the connection, so that the
// browser does not take it for whole.
func (c *Console) download(w http.ResponseWriter, p page, v *visit) {
	out := &begun{ResponseWriter: w}
	err := p.download(v, out)
	switch {
	case err == nil:
	case out.begun:
		c.Log.Warn("console: a download broke off", "page", p.path, "error", err)
		panic(http.ErrAbortHandler)
	default:
		v.form.Del(exportField)
		w.Header().Del("Content-Disposition")
		c.answer(w, p, v, "", err)
	}
}

// readForm reads what was sent, and refuses a form that is not of this session.
func (v *visit) readForm(w http.ResponseWriter) error {
	v.Body = http.MaxBytesReader(w, v.Body, maxForm)
	err := v.ParseForm()
	if err == nil { // it would hide what ParseForm says
		if err = v.ParseMultipartForm(maxForm); errors.Is(err, http.ErrNotMultipart) {
			err = nil
		}
	}
	if err != nil {
		return &operator.Error{Code: operator.Invalid, Message: "the form cannot be read, or is too large"}
	}
	v.form = v.Request.Form
	sent := cmp.Or(v.form.Get(tokenField), v.Header.Get(signin.TokenHeader))
	v.form.Del(tokenField) // pages hand forms on, and each gets a token of its own
	if v.who.Token != "" && subtle.ConstantTimeCompare([]byte(sent), []byte(v.who.Token)) != 1 {
		return errForeignForm
	}
	return nil
}

// errForeignForm is a form of another session, or of a page that is not ours.
var errForeignForm = &operator.Error{Code: operator.Forbidden, Message: "this form is not of your present session, so nothing was done; open its page again"}

// answer reads and renders a page, with what was done or went wrong before.
func (c *Console) answer(w http.ResponseWriter, p page, v *visit, done string, wrong error) {
	f := frame{visit: v, Page: p, Form: v.form, Done: done, Undo: v.undo}
	file, status := c.fill(&f, wrong)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	c.render(w, status, file, f)
}

// fill reads what a page shows, and says by which template and with which status.
func (c *Console) fill(f *frame, wrong error) (file string, status int) {
	data, err := c.read(f.Page, f.visit)
	f.Data, status = data, http.StatusOK
	if err = errors.Join(wrong, err); err != nil {
		status, f.Wrong = c.explain(err)
	}
	f.Again = status == http.StatusServiceUnavailable
	if data == nil { // there is nothing to show but what is wrong
		return "wrong.html", status
	}
	return f.Page.file, status
}

// What many people read at once must not take what publishing needs of the machine.
const (
	mostReading = 16
	readingWait = 3 * time.Second // for a place, before errCrowded
)

// read reads what a page shows. Few pages are read at a time; Live, which all share,
// waits for none of them.
func (c *Console) read(p page, v *visit) (any, error) {
	if p.path == "" {
		return p.read(v)
	}
	wait := time.NewTimer(readingWait)
	defer wait.Stop()
	select {
	case c.reading <- struct{}{}:
		defer func() { <-c.reading }()
		return p.read(v)
	case <-wait.C:
		return nil, errCrowded
	case <-v.Done():
		return nil, v.Context.Err()
	}
}

// explain says what an error means for the page and for who looks.
func (c *Console) explain(err error) (status int, text string) {
	var known *operator.Error
	switch {
	case errors.Is(err, errCrowded), errors.Is(err, context.Canceled): // the second reads nothing any more
		return http.StatusServiceUnavailable, "Too many people are waiting for this page. Publishing and collecting go on."
	case errors.As(err, &known) && known.Code != operator.Internal:
		switch {
		case known.Code == operator.NotFound:
			return http.StatusNotFound, sentence(known.Message)
		case known.Code == operator.TooMany:
			return http.StatusTooManyRequests, sentence(known.Message)
		case known.Code == operator.Forbidden:
			return http.StatusForbidden, sentence(known.Message)
		case known.Retryable():
			return http.StatusServiceUnavailable, "The store cannot be read for this page now. Publishing and collecting may go on."
		}
		return http.StatusUnprocessableEntity, sentence(known.Message)
	}
	c.Log.Error("console", "error", err)
	return http.StatusInternalServerError, "The page cannot be shown. The service's log says why."
}

// missing answers for a path that is no page.
func (c *Console) missing(w http.ResponseWriter, v *visit) {
	c.render(w, http.StatusNotFound, "wrong.html", frame{visit: v, Page: page{title: "Not found"}, Wrong: "There is no such page."})
}

// frame is what every template is given.
type frame struct {
	*visit
	Page  page
	Form  url.Values
	Data  any
	Done  string // what a form has done
	Undo  *question
	Wrong string // what is wrong
	Again bool   // the page asks again by itself
}

// Title is the title of the page.
func (f frame) Title() string { return f.Page.title }

// CSS is the page's own style sheet, "" for none.
func (f frame) CSS() string { return f.Page.css }

// Path is where the page lies.
func (f frame) Path() string { return f.URL.Path }

// Field is the value of a form's field.
func (f frame) Field(name string) string { return f.Form.Get(name) }

// Address is that of the service, "" where it is not that of the page.
func (f frame) Address() string {
	if f.Base == nil {
		return ""
	}
	return f.Base(f.Request)
}

// Warnings are what people should read first: those who have signed in.
func (f frame) Warnings() []string {
	if f.Notices == nil || len(f.Roles) == 0 {
		return nil
	}
	return f.Notices()
}

// At is the moment of the page.
func (f frame) At() time.Time { return f.Now() }

// May tells whether a form that needs a role is shown.
func (f frame) May(role string) bool { return slices.Contains(f.Roles, operator.Role(role)) }

// Statuses and States are the choices of filters.
func (frame) Statuses() []subscription.Status {
	return []subscription.Status{subscription.Requested, subscription.Active, subscription.Off}
}
func (frame) States() []store.State { return store.DeliveryStates }

// Chosen tells whether a value of a field with several was sent.
func (f frame) Chosen(name, value string) bool { return slices.Contains(f.Form[name], value) }

// item is an entry of the menu.
type item struct {
	Title, Path string
	Here        bool
}

// Menu lists the pages that the role opens.
func (f frame) Menu() (out []item) {
	for _, p := range f.pages {
		if p.within == "" && slices.Contains(f.Roles, p.role) {
			out = append(out, item{p.title, Root + p.path, p.title == cmp.Or(f.Page.within, f.Page.title)})
		}
	}
	return out
}

// More is the URL of the next page of a list.
func (f frame) More(next string) string {
	query := url.Values{}
	for name, values := range f.Form {
		if name != "after" && !slices.Contains(private, name) && !strings.HasPrefix(name, revealField) {
			query[name] = values
		}
	}
	query.Set("after", next)
	return f.Path() + "?" + query.Encode()
}

//go:embed pages
var sources embed.FS

var templates = parse()

func parse() map[string]*template.Template {
	frame := template.Must(template.New("").Funcs(template.FuncMap{
		"ago": ago, "figure": figure, "noun": noun, "moment": moment, "stamp": stamp, "shell": shell, "tag": tag, "clock": clock, "storytag": storyTag, "channel": channel,
	}).ParseFS(sources, "pages/frame.html", "pages/message.html", "pages/governancetabs.html"))
	names, err := sources.ReadDir("pages")
	if err != nil {
		panic(err) // it is embedded
	}
	out := map[string]*template.Template{}
	for _, name := range names {
		out[name.Name()] = template.Must(template.Must(frame.Clone()).ParseFS(sources, path.Join("pages", name.Name())))
	}
	return out
}

// render writes a page.
func (c *Console) render(w http.ResponseWriter, status int, file string, f frame) {
	page, err := c.made(file, f)
	if err != nil {
		c.Log.Error("console", "page", file, "error", err)
		http.Error(w, "The page cannot be shown.", http.StatusInternalServerError)
		return
	}
	c.send(w, status, page)
}

func (c *Console) send(w http.ResponseWriter, status int, page []byte) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page)
}

// made is a page as it is sent. Each form that is posted gets the token of the
// session here, so that no template can forget it. The templates escape what comes
// from outside, so that a form's tag can only be ours.
func (c *Console) made(file string, f frame) ([]byte, error) {
	var out bytes.Buffer
	if err := templates[file].ExecuteTemplate(plain.Writer(&out), "frame", f); err != nil {
		return nil, err
	}
	if f.who.Token == "" {
		return out.Bytes(), nil
	}
	field := `<input type="hidden" name="` + tokenField + `" value="` + template.HTMLEscapeString(f.who.Token) + `">`
	return posted.ReplaceAllFunc(out.Bytes(), func(tag []byte) []byte { return append(slices.Clip(tag), field...) }), nil
}

// posted finds the tags of forms that are posted.
var posted = regexp.MustCompile(`<form\b[^>]*\s(?:method="post"|hx-post=)[^>]*>`)
