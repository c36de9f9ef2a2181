package browser

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"nems/internal/node/nodetest"
)

// looks are those that every page is looked at in.
var looks = []look{{1280, "light", 1}, {1280, "dark", 1}, {390, "light", 1}, {390, "dark", 1}, {1280, "light", 2}}

// wild matches what differs between pages of one kind: ids, numbers and codes.
var wild = regexp.MustCompile(`/[^/?]*[0-9][^/?]*`)

// kind is what pages have in common that differ only in what they are about.
func kind(path string) string {
	path, query, _ := strings.Cut(path, "?")
	names := []string{}
	for _, field := range strings.Split(query, "&") {
		name, _, _ := strings.Cut(field, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	return wild.ReplaceAllString(path, "/*") + "?" + strings.Join(slices.Compact(names), "&")
}

// links are the pages of the console that the page leads to.
func (b *tab) links() []string {
	b.Helper()
	return ask[[]string](b, `[...document.querySelectorAll("a[href]")].map(a => new URL(a.href)).filter(u => u.origin == location.origin
		&& u.pathname.startsWith("/console/") && !u.pathname.startsWith("/console/assets/")
		&& ![...document.querySelectorAll("a[download]")].some(d => d.href == u.href)).map(u => u.pathname + u.search)`)
}

// pages follows every link from the first page and returns one page of each kind.
func (b *tab) pages() (out []string) {
	b.Helper()
	seen := map[string]bool{}
	for next := []string{"/console/"}; len(next) > 0; {
		path := next[0]
		next = next[1:]
		if seen[kind(path)] {
			continue
		}
		seen[kind(path)] = true
		b.visit(path)
		if ask[string](b, "document.contentType") != "text/html" {
			continue
		}
		out = append(out, path)
		next = append(next, b.links()...)
	}
	return out
}

// TestEveryPage looks at every page that the console's links lead to, in all
// looks: axe-core finds nothing, the browser complains of nothing, no page is wider
// than the window, and the keyboard reaches everything.
func TestEveryPage(t *testing.T) {
	chromium(t)
	s := nodetest.Boot(t)
	fill(t, s)
	b := open(t, s.URL, looks[0])
	pages := b.pages()
	t.Logf("%d pages: %s", len(pages), strings.Join(pages, " "))
	for _, l := range looks {
		b.show(l)
		for i, path := range pages {
			if l != looks[0] && strings.HasPrefix(path, handbook) && strings.HasPrefix(pages[i-1], handbook) {
				continue // the handbook's pages differ in their texts alone
			}
			b.visit(path)
			b.sound(path, l)
		}
	}
	b.show(looks[0])
	for i, path := range pages {
		if strings.HasPrefix(path, handbook) && strings.HasPrefix(pages[i-1], handbook) {
			continue
		}
		b.visit(path)
		b.reachable(path)
	}
}

const handbook = "/console/help/"

// sound checks the page that is open: axe-core finds nothing, the browser complains
// of nothing, and nothing is wider than the window.
func (b *tab) sound(path string, l look) {
	b.Helper()
	for _, wrong := range b.violations() {
		b.Errorf("%s at %s: %s", path, l, wrong)
	}
	if said := b.heard(); said != "" {
		b.Errorf("%s at %s: the browser's console says: %s", path, l, said)
	}
	if ask[bool](b, "document.documentElement.scrollWidth > innerWidth") {
		b.Errorf("%s at %s: the page is wider than the window", path, l)
	}
	if title := ask[string](b, "document.title"); strings.Contains(title, "undefined") || title == "" {
		b.Errorf("%s: title %q", path, title)
	}
}

// reachable presses Tab until the focus has gone round, and checks that it came to
// everything that can be used, and was seen there. What is replaced meanwhile counts
// by its id: the page gives the focus back.
func (b *tab) reachable(path string) {
	b.Helper()
	want := ask[int](b, `(window.key = e => e.id || e, window.todo = new Map([...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
		.filter(e => !e.disabled && e.checkVisibility() && e.tabIndex >= 0).map(e => [key(e), e]))).size`)
	for range want + 20 {
		b.do(chromedp.KeyEvent(kb.Tab))
		left := ask[int](b, `(() => { const e = document.activeElement; todo.delete(key(e));
			if (e.type == "radio") for (const r of document.getElementsByName(e.name)) todo.delete(key(r));
			const s = getComputedStyle(e); window.unseen = (window.unseen || "");
			if (e != document.body && s.outlineStyle == "none" && s.boxShadow == "none" && e.tagName != "MAIN") unseen += e.outerHTML.slice(0, 120) + "\n";
			return todo.size })()`)
		if left == 0 {
			break
		}
	}
	if left := ask[[]string](b, `[...todo.values()].map(e => e.outerHTML.slice(0, 160))`); len(left) > 0 {
		b.Errorf("%s: the keyboard does not reach: %s", path, strings.Join(left, "\n"))
	}
	if unseen := ask[string](b, "window.unseen || ''"); unseen != "" {
		b.Errorf("%s: the focus cannot be seen on: %s", path, unseen)
	}
}
