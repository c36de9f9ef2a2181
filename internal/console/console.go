// Package console is the page that a person sees: what this NEMS is, what has
// come in, what waits in the mailboxes, and how to talk to it. It shows no
// patient's data.
package console

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"nems/internal/operator"
	"nems/internal/plain"
)

// Config is what the console is made of.
type Config struct {
	// Desk is asked for what the page shows. Whoever opens the page is let in by
	// whoever serves it: the desk has the role of a viewer.
	Desk operator.Face
	// Notices are what people should read first; nil for none.
	Notices func() []string
	// Base is the address of the service, for the commands shown, where it is
	// that of the page; nil where it is another: paths alone are shown then.
	Base func(*http.Request) string
	// Dev adds the dev world and the commands that use it.
	Dev bool
	Now func() time.Time
	Log *slog.Logger
}

// Page is the console.
type Page struct {
	Config
	glance *glance
}

// New makes the console.
func New(c Config) *Page { return &Page{Config: c, glance: newGlance(c.Desk, c.Now)} }

//go:embed page.html
var source string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"ago": ago, "figure": figure, "noun": noun,
}).Parse(source))

const latest = 12

// ServeHTTP renders the page, or answers 503 while the store cannot be read or
// too many wait for the page.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	overview, err := p.glance.look(r.Context())
	switch {
	case errors.Is(err, errCrowded):
		unavailable(w, "Too many people are waiting for this page. Publishing and collecting go on. Reload in a moment.")
		return
	case err != nil:
		p.Log.Error("console", "error", err)
		unavailable(w, "The store cannot be read for this page now. Reload in a moment.")
		return
	}
	var out bytes.Buffer
	data := struct {
		operator.Overview
		Notices []string
		Dev     bool
		Base    string
		At      time.Time
	}{Overview: overview, Dev: p.Dev, At: p.Now()}
	if p.Notices != nil {
		data.Notices = p.Notices()
	}
	if p.Base != nil {
		data.Base = p.Base(r)
	}
	if err := page.Execute(plain.Writer(&out), data); err != nil {
		p.Log.Error("console", "error", err)
		http.Error(w, "The page cannot be shown.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(out.Bytes())
}

// unavailable answers that the page alone cannot be shown now.
func unavailable(w http.ResponseWriter, text string) {
	w.Header().Set("Retry-After", "5")
	http.Error(w, text, http.StatusServiceUnavailable)
}

// ago says how long before now something was, in one unit.
func ago(now, at time.Time) string {
	d := now.Sub(at)
	switch {
	case at.IsZero():
		return ""
	case d < time.Second:
		return "just now"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", d/time.Hour)
	}
	return fmt.Sprintf("%d days ago", d/(24*time.Hour))
}

// figure writes a number as far as it is known: "12,345", "about 10.2 million",
// "500 or more".
func figure(f operator.Figure) string {
	text := thousands(f.N)
	switch {
	case f.About && f.N >= 1_000_000:
		return fmt.Sprintf("about %.1f million", float64(f.N)/1e6)
	case f.About:
		return "about " + thousands((f.N+500)/1000*1000)
	case f.AtLeast:
		return text + " or more"
	}
	return text
}

// thousands writes a number with commas.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// noun is one form for one, and another for any other number.
func noun(f operator.Figure, one, more string) string {
	if f == (operator.Figure{N: 1}) {
		return one
	}
	return more
}
