package main

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"nems/docs"
)

// TestRunbookCommands: the commands of the runbook exist, with their flags. At night
// nobody has the time to look for the right ones.
func TestRunbookCommands(t *testing.T) {
	text, err := docs.Files.ReadFile("runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	given := strings.NewReplacer("EVENT", "1", "FILE", "", "ID", "1", `"LS1 1UR"`, "LS1")
	seen := 0
	for _, m := range regexp.MustCompile("(?m)`(nems [^`]+)`|^(nems .+)$").FindAllStringSubmatch(string(text), -1) {
		line := m[1] + m[2]
		if strings.HasSuffix(line, "--help") {
			line = strings.TrimSuffix(line, " --help")
			if !exists(t, strings.Fields(line)[1:]) {
				t.Errorf("%s: no such command", line)
			}
			seen++
			continue
		}
		args := strings.Fields(given.Replace(strings.Replace(line, "--config FILE", "--dev", 1)))[1:]
		parser, err := newParser(context.Background(), &cli{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(args); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		seen++
	}
	if seen < 20 {
		t.Errorf("only %d commands were found", seen)
	}
}

// exists reports whether words lead to a command.
func exists(t *testing.T, words []string) bool {
	t.Helper()
	parser, err := newParser(context.Background(), &cli{})
	if err != nil {
		t.Fatal(err)
	}
	at := parser.Model.Node
next:
	for _, word := range words {
		for _, child := range at.Children {
			if child.Name == word {
				at = child
				continue next
			}
		}
		return false
	}
	return true
}
