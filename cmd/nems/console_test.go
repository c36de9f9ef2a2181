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
	if text := fails(t, "console", "end", "17", "--data", s.Config.Data); !strings.Contains(text, "session 17") {
		t.Errorf("a session that there is not: %s", text)
	}
	if text := fails(t, "console", "--data", s.Config.Data, "--role", "king"); !strings.Contains(text, "governance") {
		t.Errorf("a role that there is not: %s", text)
	}
	s.Stop()
	if text := fails(t, "console", "--data", s.Config.Data); !strings.Contains(text, "no service that runs") {
		t.Errorf("a stopped service: %s", text)
	}
}
