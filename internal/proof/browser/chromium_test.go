package browser

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// programs are the names under which Chromium is installed.
var programs = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell"}

// chromium finds the browser, or skips the test where there is none.
func chromium(t testing.TB) string {
	t.Helper()
	for _, name := range append([]string{os.Getenv("NEMS_CHROMIUM")}, programs...) {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path
		}
	}
	if os.Getenv("NEMS_REQUIRE_CHROMIUM") != "" {
		t.Fatal("Chromium is not installed, and NEMS_REQUIRE_CHROMIUM asks for it")
	}
	t.Skip("Chromium is not installed: `make tools` installs it, or NEMS_CHROMIUM names it")
	return ""
}

// patience is how long a step in the browser may take on a loaded machine.
const patience = 30 * time.Second

// tab is one tab of a browser of its own, so that tests share no cookie.
type tab struct {
	*testing.T
	base string // of the service
	ctx  context.Context

	mu       sync.Mutex
	messages []string // of the browser's console
}

// look is how wide a window is, and in which colours.
type look struct {
	width  int64
	scheme string
	// zoom is how large everything is: 2 for 200 %.
	zoom float64
}

func (l look) String() string { return fmt.Sprintf("%d-%s-%.0f%%", l.width, l.scheme, l.zoom*100) }

// open starts a browser with one tab.
func open(t *testing.T, base string, l look) *tab {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(chromium(t)), chromedp.DisableGPU}
	if os.Getuid() == 0 { // Chromium's sandbox refuses to run as root
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewContext(t.Context(), chromedp.WithAllocatorOptions(options...))
	t.Cleanup(cancel)
	b := &tab{T: t, base: base, ctx: ctx}
	b.do(chromedp.Navigate("about:blank"))
	b.must(chromedp.Listen(ctx, b.hear))
	b.show(l)
	return b
}

// hear keeps what the browser's console says that is not just information.
func (b *tab) hear(event any) {
	text := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text = "exception: " + e.ExceptionDetails.Text
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			text = fmt.Sprintf("%s: %v", e.Type, e.Args)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			text = e.Entry.Text
		}
	}
	if text == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = append(b.messages, text)
}

// heard returns what the browser's console has said since it was last asked.
func (b *tab) heard() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := strings.Join(b.messages, "\n")
	b.messages = nil
	return text
}

func (b *tab) must(err error) {
	b.Helper()
	if err == nil {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	at, _ := chromedp.Run(ctx, chromedp.Location())
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body ? document.body.innerText : ''"))
	b.Fatalf("%v\nat %s:\n%s", err, at, text)
}

// do has the browser do things, each for as long as patience lasts.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	for _, step := range steps {
		ctx := b.ctx
		if chromedp.FromContext(ctx).Target != nil { // the first one starts the browser, which lasts as long as its context
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, patience)
			defer cancel()
		}
		err := chromedp.Do(ctx, step)
		for err != nil && ctx.Err() == nil && strings.Contains(err.Error(), "No node with given id") { // the page changed between finding and touching
			err = chromedp.Do(ctx, step)
		}
		b.must(err)
	}
}

// ask evaluates JavaScript in the page.
func ask[T any](b *tab, script string) T {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	answer, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	b.must(err)
	return answer
}

// show makes the window look so. Zoom makes it narrower in the page's own pixels,
// as a browser does.
func (b *tab) show(l look) {
	b.Helper()
	zoom := max(l.zoom, 1)
	b.do(chromedp.EmulateViewport(int64(float64(l.width)/zoom), int64(900/zoom), chromedp.EmulateScale(zoom)),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}}})
			return err
		}))
}

// visit opens a page of the console.
func (b *tab) visit(path string) {
	b.Helper()
	b.do(chromedp.Navigate(b.base + path))
}

// text is what the page says.
func (b *tab) text() string {
	b.Helper()
	return ask[string](b, "document.body ? document.body.innerText : ''") // there is none while the next page comes
}

// says waits until the page says something; the page may be another one meanwhile.
func (b *tab) says(want string) {
	b.Helper()
	said := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) { // the page itself tells nobody
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body ? document.body.innerText : ''"))
		cancel()
		if err != nil {
			continue // the page was left while it was read
		}
		if said = text; strings.Contains(said, want) {
			return
		}
	}
	b.Fatalf("the page does not say %q; it says:\n%s", want, said)
}

//go:embed testdata/axe-4.14.1.min.js
var axe string

// violations are what axe-core finds wrong with the page, one line each.
func (b *tab) violations() []string {
	b.Helper()
	ask[bool](b, axe+"; true")
	return ask[[]string](b, `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.flatMap(v =>
		v.nodes.map(n => v.id + ": " + v.help + ": " + n.html.slice(0, 160) + " " + n.failureSummary.replace(/\s+/g, " ").slice(0, 240))))`)
}

// openAll opens all that is folded up.
func openAll(ctx context.Context, _ *chromedp.Target) error {
	_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.querySelectorAll("details").forEach(d => d.open = true); true`))
	return err
}
