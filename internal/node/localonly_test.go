package node_test

import (
	"net/http"
	"strings"
	"testing"

	"nems/internal/node"
	"nems/internal/node/nodetest"
)

// TestDevelopmentWorldIsLocal checks that the development world only answers
// this machine, unless it is intended to listen elsewhere.
func TestDevelopmentWorldIsLocal(t *testing.T) {
	local := nodetest.Boot(t)
	wide := nodetest.Boot(t, func(c *node.Config) { c.Listen = "0.0.0.0:0" })
	behind := nodetest.Boot(t, func(c *node.Config) { c.PublicURL = "https://nems.example.nhs.uk" })
	for _, test := range []struct {
		server *nodetest.Server
		host   string
		want   int
	}{
		{local, "localhost:8880", 200}, {local, "LOCALHOST.", 200}, {local, "127.0.0.1", 200}, {local, "[::1]:8880", 200}, {local, "nems.localhost:1", 200},
		{local, "evil.example", 421}, {local, "localhost.evil.example:8880", 421}, {local, "127.0.0.1.evil.example", 421}, {local, "10.0.0.1", 421},
		{behind, "nems.example.nhs.uk", 200}, {wide, "nems:8880", 200}, {wide, "evil.example", 200},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, test.server.URL+"/health", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = test.host
		answer, err := test.server.HTTP.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != test.want {
			t.Errorf("Host %s: expected %d, received %d", test.host, test.want, answer.StatusCode)
		}
	}
	if !strings.Contains(wide.Log.String(), "ANSWERS EVERYBODY") || strings.Contains(local.Log.String(), "ANSWERS EVERYBODY") {
		t.Error("who listens elsewhere is warned, and nobody else")
	}
}
