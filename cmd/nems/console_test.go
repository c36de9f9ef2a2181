package main

import (
	"net/url"
	"strings"
	"testing"

	"nems/internal/node/nodetest"
	"nems/internal/operator"
)

// TestConsoleCommands makes links, of a service that runs alone, and lists who is
// signed in.
func TestConsoleCommands(t *testing.T) {
	s := nodetest.Boot(t)
	link := strings.TrimSpace(does(t, operator.SignInLinkPath+"?token=", "console", "--data", s.Config.Data, "--role", "viewer,governance", "--user", "jan"))
	if u, err := url.Parse(link); err != nil || u.Scheme+"://"+u.Host != s.URL || len(u.Query().Get("token")) < 52 {
		t.Errorf("%v: %s", err, link)
	}
	does(t, "https://nems.example.nhs.uk"+operator.SignInLinkPath, "console", "--data", s.Config.Data, "--console-url", "https://nems.example.nhs.uk/")
	does(t, "SESSION", "console", "sessions", "--data", s.Config.Data)
	fails(t, "console", "end", "17", "--data", s.Config.Data)
	fails(t, "console", "--data", s.Config.Data, "--role", "king")
	s.Stop()
	fails(t, "console", "--data", s.Config.Data) // nobody could use it
}
