package play

import (
	"testing"
	"time"

	"nems/internal/catalogue"
	"nems/internal/scenario"
	"nems/internal/world"
)

// TestMessagesAreStrict checks every message that providers publish in the scenarios
// that come with the program, and in a year of a world's children.
func TestMessagesAreStrict(t *testing.T) {
	t.Parallel()
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	all, err := scenario.Builtins()
	if err != nil {
		t.Fatal(err)
	}
	plans := map[string]*scenario.Script{}
	for _, b := range all {
		if plans[b.Name], err = scenario.Compile(b.Name, b.Text, scenario.Options{Seed: 3}); err != nil {
			t.Fatal(err)
		}
	}
	w, err := world.New(200, 5, time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if plans["a year"], err = scenario.Mix(w, 5, w.Midnight(), 365, 5); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for name, script := range plans {
		plan, err := FromScript(script, name, System{"300000000161", "A83627"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, a := range plan.acts {
			if a.message == nil {
				continue
			}
			seen[a.event]++
			_, findings := types.Findings(a.message, catalogue.Strict)
			for _, f := range findings {
				t.Errorf("%s: %s at %s: %v", name, a.deed, a.at, f)
			}
		}
	}
	if len(seen) != 5 || seen["vaccinations-1"] < 20 {
		t.Errorf("messages: %v", seen)
	}
}

// TestFaultsAreRead checks what a list of faults may say.
func TestFaultsAreRead(t *testing.T) {
	t.Parallel()
	f, err := ParseFaults("duplicate=1%,reorder=5%, delay=10m,gap=0.02,corrupt=1%,refuse=1%,lost-202=100%")
	want := Faults{Duplicate: .01, Reorder: .05, Delay: 10 * time.Minute, Gap: .02, Corrupt: .01, Refuse: .01, Lost: 1}
	if err != nil || f != want {
		t.Errorf("%+v, %v", f, err)
	}
	for text, says := range map[string]string{
		"dup=1%":           `faults: there is no fault "dup"; expected some of duplicate, reorder, delay, gap, corrupt, refuse, lost-202, such as duplicate=1%,delay=10m`,
		"gap=2":            `faults: gap: expected a share from 0% to 100%, such as gap=1%; received "2"`,
		"gap":              `faults: gap: expected a share from 0% to 100%, such as gap=1%; received ""`,
		"gap=NaN":          `faults: gap: expected a share from 0% to 100%, such as gap=1%; received "NaN"`,
		"delay=5":          `faults: delay: expected the longest delay, such as delay=10m; received "5"`,
		"gap=1%,gap=1%":    `faults: gap is there twice`,
		"duplicate=-1%":    `faults: duplicate: expected a share from 0% to 100%, such as duplicate=1%; received "-1%"`,
		"lost-202=1%,=10%": `faults: there is no fault ""; expected some of duplicate, reorder, delay, gap, corrupt, refuse, lost-202, such as duplicate=1%,delay=10m`,
	} {
		if _, err := ParseFaults(text); err == nil || err.Error() != says {
			t.Errorf("%s:\n%v\ninstead of\n%s", text, err, says)
		}
	}
}
