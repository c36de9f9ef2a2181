package browser

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"nems/internal/node/nodetest"
)

var screenshots = flag.String("screenshots", "", "the folder to write pictures of the console to")

// pictures are the pages shown to others, by the name of their file.
var pictures = map[string]string{
	"live":          "/console/",
	"subscriptions": "/console/subscriptions",
	"events":        "/console/events",
	"make":          "/console/make?type=vaccinations-1",
	"subscribe":     "/console/subscriptions/new",
}

// TestScreenshots writes the pictures of README and handbook.
func TestScreenshots(t *testing.T) {
	if *screenshots == "" {
		t.Skip("-screenshots names no folder")
	}
	chromium(t)
	s := nodetest.Boot(t)
	fill(t, s)
	for _, scheme := range []string{"light", "dark"} {
		b := open(t, s.URL, look{1280, scheme, 1})
		for name, path := range pictures {
			b.visit(path)
			if scheme == "dark" {
				name += "-dark"
			}
			b.picture(filepath.Join(*screenshots, name+".png"))
		}
		b.visit("/console/events")
		b.do(chromedp.Click(chromedp.CSS("td a[href^='/console/events/']")))
		b.says("Who got it")
		b.picture(filepath.Join(*screenshots, map[string]string{"light": "event.png", "dark": "event-dark.png"}[scheme]))
	}
}

// picture writes what the window shows, at most 1,600 pixels high.
func (b *tab) picture(file string) {
	b.Helper()
	height := min(ask[float64](b, "document.documentElement.scrollHeight"), 1600)
	png, err := chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) ([]byte, error) {
		shot, err := cdp.Call(ctx, t, page.CaptureScreenshot, page.CaptureScreenshotParams{
			Format: page.CaptureScreenshotFormatPng, Clip: &page.Viewport{Width: 1280, Height: height, Scale: 1}, CaptureBeyondViewport: new(true),
		})
		return shot.Data, err
	})
	b.must(err)
	b.must(os.MkdirAll(filepath.Dir(file), 0o755))
	b.must(os.WriteFile(file, png, 0o644))
}
