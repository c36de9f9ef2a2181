// Package console is what people see of a NEMS in a browser: pages under
// /console/ that show what happens, find things, and do what operators do. All
// that it knows it asks of the operator's desk. It shows no patient's data, and
// works without JavaScript, but for what is live.
package console

import (
	"context"
	"embed"
	"log/slog"
	"net/http"
	"time"

	"nems/internal/catalogue"
	"nems/internal/operator"
	"nems/internal/signin"
)

// Config is what the console needs.
type Config struct {
	// Desk is a viewer's: it is asked for what all see alike.
	Desk operator.Face
	// Admit says who a visitor is: an Unauthenticated error where nobody can tell.
	// nil admits everybody, at Desk with Roles.
	Admit func(*http.Request) (Visitor, error)
	Roles []operator.Role
	// Gate is where people sign in whom Admit does not know; nil where nobody has to.
	Gate *signin.Gate
	// Gives says, in a sentence, who can give somebody a role.
	Gives string
	// Notices are what people should read first; nil for none.
	Notices func() []string
	// Types returns the event types as of now.
	Types func() *catalogue.Catalogue
	// Base is the address of the service, for the commands shown, where it is
	// that of the page; nil where it is another: paths alone are shown then.
	Base func(*http.Request) string
	// End is closed when the service ends: nobody can watch any longer. nil never is.
	End <-chan struct{}
	// Dev adds the dev world and the commands that use it.
	Dev bool
	Now func() time.Time
	Log *slog.Logger
}

// Root is the path below which the console lies.
const Root = "/console/"

//go:embed assets
var assets embed.FS

// Console serves the pages.
type Console struct {
	Config
	glance    *glance[operator.Overview]
	attention *glance[operator.Attention]
	counts    *glance[operator.Counts]
	watching  chan struct{} // has an entry for each who watches
	reading   chan struct{} // has an entry for each page that is read
	pages     []page        // in the order of the menu
}

// New returns the console.
func New(c Config) *Console {
	out := &Console{Config: c, watching: make(chan struct{}, mostWatching), reading: make(chan struct{}, mostReading)}
	out.glance = newGlance(fresh, c.Now, func(ctx context.Context) (operator.Overview, error) {
		return operator.ShowOverview.Do(ctx, c.Desk, operator.Glance{Latest: latest})
	})
	out.attention = newGlance(concerned, c.Now, func(ctx context.Context) (operator.Attention, error) {
		return operator.ShowAttention.Do(ctx, c.Desk, operator.None{})
	})
	out.counts = newGlance(counted, c.Now, func(ctx context.Context) (operator.Counts, error) {
		return operator.CountOverTime.Do(ctx, c.Desk, operator.Counting{Per: operator.PerMinute})
	})
	out.pages = []page{
		out.live(),
		out.stream(),
		out.events(),
		out.find(),
		out.event(),
		out.refusals(),
		out.subscriptions(),
		out.subscribe(),
		out.subscription(),
		out.replays(),
		out.explainTo(),
		out.mailboxes(),
		out.mailbox(),
		out.registerMailbox(),
		out.endpoints(),
		out.endpoint(),
		out.registerEndpoint(),
		out.deliveries(),
		out.delivery(),
		out.make(),
		out.patients(),
		out.directory(),
		out.systems(),
		out.registerSystem(),
		out.controllers(),
		out.changeControllers(),
		out.eventTypes(),
		out.lifeCycle(),
		out.audit(),
		out.story(),
		out.verified(),
		out.register(),
		out.rectification(),
		out.retention(),
		out.help(),
		out.reference(),
		out.handbook(),
	}
	return out
}

// Mount adds the console to a mux; the path / leads to it.
func (c *Console) Mount(mux *http.ServeMux) {
	mux.Handle("GET /{$}", http.RedirectHandler(Root, http.StatusSeeOther))
	mux.Handle("GET "+Root+"assets/", http.StripPrefix(Root, guarded(cached(http.FileServerFS(assets)))))
	// A form counts only when a page of our own sent it: the browser says so.
	sameOrigin := http.NewCrossOriginProtection()
	for _, p := range c.pages {
		if p.raw != nil {
			mux.Handle("GET "+Root+p.pattern(), guarded(c.hand(p)))
			continue
		}
		mux.Handle("GET "+Root+p.pattern(), guarded(c.show(p)))
		mux.Handle("POST "+Root+p.pattern(), guarded(sameOrigin.Handler(c.do(p))))
	}
	c.mountSignIn(mux, sameOrigin.Handler)
	mux.Handle("GET "+Root, guarded(c.admitted(page{title: "Not found"}, c.missing)))
}

// guarded has browsers run nothing that is not ours, show the page in no frame,
// and keep nothing of it.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// cached lets browsers keep a file for an hour: a new version may have others.
func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=3600")
		next.ServeHTTP(w, r)
	})
}
