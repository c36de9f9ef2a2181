package operator_test

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nems/internal/operator"
)

var update = flag.Bool("update", false, "write the files that tests compare with")

// The description of the API that is published is that of the table.
func TestOpenAPI(t *testing.T) {
	const page = "../../docs/operator-openapi.json"
	if *update {
		if err := os.WriteFile(page, operator.OpenAPI(), 0o644); err != nil { //nolint:gosec // a page for everybody
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(operator.OpenAPI())); diff != "" {
		t.Errorf("the API has changed: if that is meant, go test ./internal/operator -run OpenAPI -update (-page +table):\n%s", diff)
	}
}
