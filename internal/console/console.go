// Package console is the page that a person sees: what this NEMS is, what has
// come in, what waits in the mailboxes, and how to talk to it. It shows no
// patient's data.
package console

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"nems/internal/plain"
	"nems/internal/store"
)

// Source says what the page shows.
type Source interface {
	// Overview returns counts, the latest events and the mailboxes.
	Overview(ctx context.Context, latest int) (store.Overview, error)
}

// Page is what the console is made of.
type Page struct {
	Source Source
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

//go:embed page.html
var source string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"ago": ago, "plural": plural,
}).Parse(source))

const latest = 12

// ServeHTTP renders the page, or answers 503 while the store cannot be read.
func (p Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	overview, err := p.Source.Overview(r.Context(), latest)
	if err != nil {
		p.Log.Error("console", "error", err)
		http.Error(w, "The store cannot be read now. Reload in a moment.", http.StatusServiceUnavailable)
		return
	}
	var out bytes.Buffer
	data := struct {
		store.Overview
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

// plural adds an s to what is not one.
func plural(n int64, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}
