package console

import (
	"strings"
	"testing"

	"nems/internal/catalogue"
)

// TestPublishedEventsAreShown as what they are, not as messages that cannot be read.
func TestPublishedEventsAreShown(t *testing.T) {
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	view := newMessageView(types, []byte(`{"specversion":"1.0","id":"1","source":"s","type":"a-1","time":"2020-06-01T13:00:00Z","subject":"9912003888"}`), catalogue.Standard)
	if !view.Published || len(view.Findings) > 0 || len(view.Lines) != 8 || !strings.Contains(view.Lines[1].Text, `"specversion": "1.0"`) || view.patient != "9912003888" {
		t.Errorf("%+v", view)
	}
	if view := newMessageView(types, []byte(`{"no":`), catalogue.Standard); view.Published || len(view.Findings) == 0 {
		t.Errorf("what cannot be read: %+v", view)
	}
}
