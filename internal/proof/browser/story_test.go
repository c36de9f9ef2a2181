package browser

import (
	"testing"

	"github.com/chromedp/chromedp"

	"nems/internal/node/nodetest"
)

// TestStory has somebody tell a patient's story and verify the audit, in all looks:
// what comes out is as the other pages are.
func TestStory(t *testing.T) {
	chromium(t)
	s := nodetest.Boot(t)
	fill(t, s)
	b := open(t, s.URL, looks[0])
	for _, l := range looks {
		b.show(l)
		for path, do := range map[string][]chromedp.Action[chromedp.Void]{
			"/console/audit": {chromedp.Click("main button[name=look]"), chromedp.WaitVisible(".nhsuk-table")},
			"/console/audit/story": {
				chromedp.SendKeys("#patient", nodetest.Jack), chromedp.SendKeys("#reason", "a complaint"), chromedp.Click("main button[name=look]"), chromedp.WaitVisible(".story"),
			},
			"/console/audit/verify": {chromedp.Click("main button[name=look]"), chromedp.WaitVisible(".nhsuk-summary-list")},
		} {
			b.visit(path)
			b.do(do...)
			b.sound(path, l)
		}
	}
}
