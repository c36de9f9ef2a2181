package browser

import (
	"testing"

	"github.com/chromedp/chromedp"

	"nems/internal/node/nodetest"
)

// TestPatients has somebody find a patient, move them and let them leave their
// practice, without a mouse, and see the events of each.
func TestPatients(t *testing.T) {
	chromium(t)
	s := nodetest.Boot(t)
	for _, l := range []look{looks[0], looks[3]} {
		b := open(t, s.URL, l)
		b.visit("/console/patients")
		b.do(chromedp.SetValue(chromedp.CSS("#find-family"), "adey"), press("button[name=find]"))
		b.says("ADEYEMI, Kemi")
		b.sound("found patients", l)
		b.do(press(`button[aria-label="Open the record of ADEYEMI"]`))
		b.says("Make something happen")
		b.do(chromedp.SetValue(chromedp.CSS("#move-lines"), l.scheme+" 1 Hill Road"), chromedp.SetValue(chromedp.CSS("#move-postcode"), "EX2 5SE"), press("button[value=move]"))
		b.says("What the change has told")
		b.do(chromedp.Func(openAll))
		b.sound("a record that was changed", l)
		b.do(chromedp.SetValue(chromedp.CSS("#born-given"), "Ada"), press("button[value=born]"))
		b.says("This is the baby's record")
		b.says("pds-birth-notification-1")
	}
}
