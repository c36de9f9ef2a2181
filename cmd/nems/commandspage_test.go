package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestCommandsPage: docs/commands.md is what the program's help says.
func TestCommandsPage(t *testing.T) {
	parser, err := newParser(context.Background(), &cli{})
	if err != nil {
		t.Fatal(err)
	}
	page := commandsPage(parser.Model.Node)
	path := filepath.Join("..", "..", "docs", "commands.md")
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if is, err := os.ReadFile(path); err != nil || string(is) != page {
		t.Errorf("docs/commands.md is old (%v): go test ./cmd/nems -run TestCommandsPage -update", err)
	}
	if strings.Count(page, "\n## nems ") < 60 {
		t.Errorf("only %d commands", strings.Count(page, "\n## nems "))
	}
}

// commandsPage is the reference of all commands.
func commandsPage(app *kong.Node) string {
	var page strings.Builder
	page.WriteString("# Commands\n\nWritten by `go test ./cmd/nems -run TestCommandsPage -update` from what `nems COMMAND --help` says. A flag with an environment variable can be set there too; the flag\n" +
		"counts. Exit codes: 0 success, 1 failure (or something was found), 2 a wrong command line.\n\n| command | what it does |\n| --- | --- |\n")
	var details strings.Builder
	_ = kong.Visit(app, func(n kong.Visitable, next kong.Next) error {
		if c, is := n.(*kong.Node); is && c.Type == kong.CommandNode && len(c.Children) == 0 && !c.Hidden {
			name := "nems " + c.Path()
			name = strings.TrimPrefix(strings.Split(name, " <")[0], "nems nems ")
			name = "nems " + strings.TrimPrefix(name, "nems ")
			fmt.Fprintf(&page, "| [`%s`](#%s) | %s |\n", name, strings.ReplaceAll(name, " ", "-"), cell(c.Help))
			details.WriteString(commandPart(name, c))
		}
		return next(nil)
	})
	return page.String() + details.String()
}

func commandPart(name string, c *kong.Node) string {
	var part strings.Builder
	fmt.Fprintf(&part, "\n## %s\n\n%s\n", name, c.Help)
	if c.Detail != "" && c.Detail != c.Help {
		fmt.Fprintf(&part, "\n%s\n", c.Detail)
	}
	usage := name
	for _, p := range c.Positional {
		usage += " " + p.Summary()
	}
	fmt.Fprintf(&part, "\n```text\n%s [flags]\n```\n", usage)
	var rows []string
	for _, p := range c.Positional {
		rows = append(rows, fmt.Sprintf("| `%s` | | %s |\n", p.Summary(), cell(p.Help)))
	}
	if name == "nems serve" || strings.HasPrefix(name, "nems config") && len(c.Flags) > 60 {
		part.WriteString("\nIts flags are the [settings](settings.md)")
		part.WriteString(map[bool]string{true: ", and:\n", false: ", and those that follow:\n"}[name == "nems serve"])
	}
	known := settings(root(c))
	for _, f := range c.Flags {
		isSetting := slices.ContainsFunc(known, func(s *kong.Flag) bool { return s.Name == f.Name && s.Help == f.Help })
		if f.Hidden || f.Name == "help" || isSetting && strings.HasPrefix(name, "nems serve") || isSetting && strings.HasPrefix(name, "nems config") {
			continue
		}
		written := "--" + f.Name
		if !f.IsBool() {
			written += "=" + strings.ReplaceAll(f.FormatPlaceHolder(), "|", `\|`)
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", written, code(strings.Join(f.Envs, " ")), cell(f.Help)))
	}
	if len(rows) > 0 {
		part.WriteString("\n| argument | environment | meaning |\n| --- | --- | --- |\n" + strings.Join(rows, ""))
	}
	return part.String()
}

func root(c *kong.Node) *kong.Node {
	for c.Parent != nil {
		c = c.Parent
	}
	return c
}

func cell(s string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s) }
