package node_test

import (
	"encoding/json"
	"html"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"nems/internal/node/nodetest"
	"nems/internal/operator"
)

var withCurl = regexp.MustCompile(`(?s)aria-label="With curl"><code>(.*?)</code>`)

// TestTheSameWithCurl runs what pages show as the same with curl.
func TestTheSameWithCurl(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	s := nodetest.Boot(t)
	s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	access, err := operator.ReadAccess(s.Config.Data)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"events", "subscriptions?ods=RR8", "mailboxes", "directory?organisation=RR8", "refused?code=it%27s"} {
		page := string(s.Get("/console/" + path).Body)
		found := withCurl.FindStringSubmatch(page)
		if found == nil {
			t.Errorf("%s shows no curl", path)
			continue
		}
		command := exec.CommandContext(t.Context(), "sh", "-c", html.UnescapeString(found[1]))
		command.Env = append(os.Environ(), "NEMS_TOKEN="+access.Token)
		out, err := command.Output()
		if err != nil || !json.Valid(out) || strings.Contains(string(out), `"title"`) {
			t.Errorf("%s: %s: %v: %s", path, found[1], err, out)
		}
	}
}
