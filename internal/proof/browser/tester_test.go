package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"nems/internal/node/nodetest"
)

// press has the keyboard alone press a button: it must take the focus.
func press(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Steps(chromedp.Focus(chromedp.CSS(selector)), chromedp.KeyEvent(kb.Enter))
}

// TestTester has somebody who has only the page do the whole story, without a mouse:
// subscribe twice, make an event, see it matched, read the copy, and see why the other
// subscription did not match.
func TestTester(t *testing.T) {
	chromium(t)
	s := nodetest.Boot(t)
	for _, l := range []look{looks[0], looks[3]} {
		b := open(t, s.URL, l)

		b.visit("/console/subscriptions/new")
		b.do(chromedp.Focus(chromedp.CSS("#event-vaccinations-1")), chromedp.KeyEvent(" "))
		b.says("What it asks for") // as soon as something was chosen
		b.do(chromedp.SetValue(chromedp.CSS("#tag"), "look-"+l.scheme), press("button[value=create]"))
		b.says("201")
		b.sound("a new subscription", l)

		b.visit("/console/subscriptions/new")
		b.do(chromedp.Focus(chromedp.CSS("#event-vaccinations-1")), chromedp.KeyEvent(" "),
			chromedp.SetValue(chromedp.CSS("#rule"), "UHV_POSTCODE_LACODE"), chromedp.SetValue(chromedp.CSS("#place"), "E08000035"),
			chromedp.SetValue(chromedp.CSS("#under"), "5"), chromedp.SetValue(chromedp.CSS("#tag"), "look-"+l.scheme), press("button[value=create]"))
		b.says("children under 5 living in E08000035")
		b.says("201")

		b.visit("/console/make?type=vaccinations-1")
		b.do(press("button[value=compose]"))
		b.says("Nothing is wrong with it")
		b.do(press("button[value=publish]"))
		b.says("The event is on disk")
		b.sound("a published event", l)
		b.do(press("#verdict a[href^='/console/events/']"))

		b.says("Matched: one patient: Vaccinations, mailbox MAILBOX1234")
		b.says("Not matched: children under 5 living in E08000035")
		b.says("DAWKINS") // the message for people
		b.do(chromedp.Func(openAll))
		b.says("age")
		b.sound("the event", l)
		if said := b.text(); !strings.Contains(said, "waiting") {
			t.Errorf("the copy's state is not shown: %s", said)
		}
	}
}
