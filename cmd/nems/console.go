package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"nems/internal/operator"
)

// consoleCmd lets people in to the console of a service.
type consoleCmd struct {
	Link     consoleLink     `cmd:"" default:"withargs" help:"Print a link that signs somebody in once, within five minutes (this is what nems console does)."`
	Sessions consoleSessions `cmd:"" help:"List those who are signed in."`
	End      consoleEnd      `cmd:"" help:"End sessions, on every node at once."`
}

type consoleLink struct {
	Roles      []string `name:"role" enum:"viewer,operator,governance,administrator" default:"viewer,operator,governance,administrator" help:"Roles of who uses the link."`
	User       string   `help:"Name of who will use the link, for the audit; default: your account's."`
	Open       bool     `help:"Open it in a browser of this machine."`
	ConsoleURL string   `name:"console-url" help:"Scheme and host by which the browser reaches the operations listener; default: the address that the service has recorded."`
	operated
}

// Run prints the link. The service must run: on a stopped one nobody could use it.
func (c *consoleLink) Run(ctx context.Context) error {
	base := cmp.Or(c.ConsoleURL, c.URL)
	if base == "" {
		access, err := operator.ReadAccess(c.Data)
		if err != nil || access.URL == "" {
			return fmt.Errorf("no service that runs has recorded its address in %s: give --data, or --operations-url with --operator-token, or --console-url", c.Data)
		}
		base = access.URL
	}
	request := operator.LinkRequest{User: c.User}
	for _, role := range c.Roles {
		request.Roles = append(request.Roles, operator.Role(role))
	}
	return c.with(func(d operator.Face) error {
		link, err := operator.CreateSignInLink.Do(ctx, d, request)
		if err != nil {
			return err
		}
		url := strings.TrimSuffix(base, "/") + link.Path
		if c.Open {
			if err := browse(ctx, url); err == nil {
				fmt.Fprintln(stdout(), "A browser opens the console.")
				return nil
			}
			fmt.Fprintln(stderr(), "nems: no browser can be opened here; this is the link:")
		}
		fmt.Fprintln(stdout(), url)
		return nil
	})
}

// browse opens a URL in the browser of this machine.
func browse(ctx context.Context, url string) error {
	switch runtime.GOOS {
	case "darwin":
		return exec.CommandContext(ctx, "open", url).Run()
	case "windows":
		return exec.CommandContext(ctx, "rundll32", "url.dll,FileProtocolHandler", url).Run()
	}
	return exec.CommandContext(ctx, "xdg-open", url).Run()
}

type consoleSessions struct {
	operated
	formatted
}

// Run prints who is signed in.
func (c *consoleSessions) Run(ctx context.Context) error {
	return c.with(func(d operator.Face) error {
		sessions, err := operator.All(ctx, d, operator.ListSessions, operator.Paging{})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, s := range sessions {
			rows = append(rows, []string{strconv.FormatInt(s.N, 10), s.User, strings.TrimPrefix(s.Proof, "sign-in:"), list(s.Roles),
				s.Begun.Format(time.RFC3339), s.Seen.Format(time.RFC3339)})
		}
		return c.print(sessions, "SESSION USER BY ROLES BEGUN SEEN", rows)
	})
}

type consoleEnd struct {
	Sessions []int64 `arg:"" name:"session" help:"Numbers of sessions, as nems console sessions lists them."`
	operated
}

// Run ends them. One that has ended by itself does not keep the others.
func (c *consoleEnd) Run(ctx context.Context) error {
	return c.with(func(d operator.Face) error {
		var failed []error
		for _, n := range c.Sessions {
			if err := operator.EndSession.Run(ctx, d, operator.SessionRef{N: n}); err != nil {
				failed = append(failed, err)
				continue
			}
			fmt.Fprintf(stdout(), "session %d has ended\n", n)
		}
		return errors.Join(failed...)
	})
}
