package node_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"nems/internal/controllers"
	"nems/internal/node"
	"nems/internal/node/nodetest"
)

// The public page says what the node does: its mode, and the rows in force at that
// moment.
func TestPublicCatalogue(t *testing.T) {
	t.Parallel()
	for _, mode := range []controllers.Mode{controllers.Off, controllers.Report, controllers.Enforce} {
		s := nodetest.Boot(t, func(c *node.Config) { c.Catalogue = string(mode) })
		read := func() string {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/catalogue.json", nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			return string(body)
		}
		if got := read(); !strings.Contains(got, `"mode": "`+string(mode)+`"`) || !strings.Contains(got, `"A83627"`) {
			t.Errorf("%s: %s", mode, got)
		}
		keep(t, s, liveRow("RX3EP", "vaccinations-1"))
		if got := read(); !strings.Contains(got, `"RX3EP"`) || strings.Contains(got, `"A83627"`) {
			t.Errorf("%s, after a change: %s", mode, got)
		}
	}
}
