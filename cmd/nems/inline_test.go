package main

import (
	"context"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"nems/docs"
)

// TestCommandsInSentences: a command that a sentence of the handbook names exists, with
// its flags. (Those in blocks are run, by docs/commands_test.go.)
func TestCommandsInSentences(t *testing.T) {
	parser, err := newParser(context.Background(), &cli{})
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"publsh", "systems lst", "publish --ulr"} {
		if words := strings.Fields(wrong); unknown(parser.Model.Node, words) != words[len(words)-1] {
			t.Errorf("nems %s passes", wrong)
		}
	}
	named := regexp.MustCompile("`(?:[A-Z_]+=\\S+ )*(nems [^`]+)`")
	seen := 0
	err = fs.WalkDir(docs.Files, ".", func(file string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, ".md") {
			return err
		}
		text, err := docs.Files.ReadFile(file)
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			seen++
			if wrong := unknown(parser.Model.Node, strings.Fields(m[1])[1:]); wrong != "" {
				t.Errorf("%s: %s: there is no %s", file, m[1], wrong)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 150 {
		t.Errorf("only %d commands were found", seen)
	}
}

// unknown returns the first word that should be a command and is none, or the first
// flag that the command does not have.
func unknown(at *kong.Node, words []string) string {
	for _, word := range words {
		name, is := strings.CutPrefix(word, "--")
		switch {
		case word == "|" || word == "&&":
			return ""
		case is:
			name, _, _ = strings.Cut(strings.TrimRight(name, ",.;"), "=")
			if !hasFlag(at, name) {
				return word
			}
		case len(at.Children) > 0:
			next := child(at, word)
			if next == nil && (word == "help" || strings.ToUpper(word) == word) {
				return "" // a word for any command
			}
			if next == nil && at.DefaultCmd == nil {
				return word
			}
			if next != nil {
				at = next
			}
		}
	}
	return ""
}

func child(at *kong.Node, name string) *kong.Node {
	for _, c := range at.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// hasFlag tells whether a command has a flag, its parents' and its default command's
// included.
func hasFlag(at *kong.Node, name string) bool {
	if name == "version" || name == "help" {
		return true
	}
	if at.DefaultCmd != nil && hasFlag(at.DefaultCmd, name) {
		return true
	}
	for n := at; n != nil; n = n.Parent {
		for _, f := range n.Flags {
			if f.Name == name {
				return true
			}
		}
	}
	return false
}
