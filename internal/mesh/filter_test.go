package mesh

import (
	"errors"
	"testing"
)

func TestWorkflowFilter(t *testing.T) {
	workflows := []string{"WORKFLOW1", "WORKFLOW2", "WORKFLOW1_ACK", "ACK", "OTHER"}
	for text, want := range map[string][]bool{
		"WORKFLOW1":  {true, false, false, false, false},
		"!WORKFLOW1": {false, true, true, true, true},
		"WORKFL*":    {true, true, true, false, false},
		"!WORKFL*":   {false, false, false, true, true},
		"*_ACK*":     {false, false, true, false, false},
		"!*_ACK*":    {true, true, false, true, true},
		" ACK ":      {false, false, false, true, false},
	} {
		f, err := ParseWorkflowFilter(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		for i, w := range workflows {
			if got := f.Match(w); got != want[i] {
				t.Errorf("%q on %s: %v", text, w, got)
			}
		}
	}
	if !(WorkflowFilter{}).Match("ANY") {
		t.Error("no filter keeps all")
	}
	for _, text := range []string{"", " ", "!", "*", "**", "!*", "!**", "*ACK", "!*ACK", "A*B", "A**", "***"} {
		if f, err := ParseWorkflowFilter(text); !errors.Is(err, ErrFilter) {
			t.Errorf("%q: read as %+v", text, f)
		}
	}
}

func FuzzParseWorkflowFilter(f *testing.F) {
	for _, seed := range []string{"W", "!W", "W*", "!W*", "*W*", "!*W*", "!!", "**"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := ParseWorkflowFilter(text)
		if err != nil {
			return
		}
		if filter.Match(filter.Text) == filter.Not {
			t.Errorf("%q: its own text gives the wrong answer", text)
		}
		again, err := ParseWorkflowFilter(filter.String())
		if err != nil || again != filter {
			t.Errorf("%q: %+v came back as %+v, %v", text, filter, again, err)
		}
	})
}
