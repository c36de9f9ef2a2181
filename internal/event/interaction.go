package event

import (
	_ "embed"
	"strings"
)

// interactions has a line for each built-in event type whose code is not its name
// in interaction ids: code, tab, name. Publishers' systems read it instead of the
// catalogue, whose tests hold the two together.
//
//go:embed interactions.tsv
var interactions string

// InteractionName returns the name of an event type in the interaction id for
// publishing it (NEMS specification 2.15, "Supported Event Messages"): its event
// code where the table there has none.
func InteractionName(code string) string {
	for line := range strings.Lines(interactions) {
		if c, name, _ := strings.Cut(strings.TrimSpace(line), "\t"); c == code {
			return name
		}
	}
	return code
}
