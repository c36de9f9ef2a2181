package catalogue_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nems/internal/catalogue"
)

var update = flag.Bool("update", false, "write the files that tests compare with")

// TestInteractionNames: publishers' systems find the names of interaction ids in a
// table of package event, which has to say what the catalogue says.
func TestInteractionNames(t *testing.T) {
	types, err := catalogue.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	for _, e := range types.Types() {
		if e.Interaction != "" {
			table.WriteString(e.Code + "\t" + e.Interaction + "\n")
		}
	}
	const path = "../event/interactions.tsv"
	if *update {
		if err := os.WriteFile(path, []byte(table.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(table.String(), string(written)); diff != "" {
		t.Errorf("%s differs from the catalogue; go test ./internal/catalogue -run TestInteractionNames -update writes it anew:\n%s", path, diff)
	}
}
