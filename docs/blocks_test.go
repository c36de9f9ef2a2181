package docs_test

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// block is a block of commands on a page: of the language sh, or console, where
// lines that begin with "$ " are commands and the others what they print.
type block struct {
	line     int // of the page
	text     string
	reason   string // why it is not run
	commands []command
}

// command is one of a block of the language console.
type command struct{ text, shown, output string }

var (
	notRun = regexp.MustCompile(`^<!-- not run: (.+) -->$`)
	// elsewhere are programs that install, or need, what a machine for tests lacks.
	elsewhere = regexp.MustCompile(`(?m)^\s*(?:sudo )?(apt|apt-get|rpm|dnf|docker|podman|kubectl|kustomize|helm|skopeo|systemctl|runuser|psql|createdb|pg_\w+)\b|(postgres://)`)
	serving   = regexp.MustCompile(`(?m)^nems serve .*$`)
)

// blocksOf returns the blocks of commands on a page. Every block of a page says what
// language it is in, so that no command can be forgotten.
func blocksOf(t *testing.T, page, source string) (out []block) {
	t.Helper()
	var inside *block
	language, reason := "", ""
	for i, line := range strings.Split(source, "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case inside != nil && isFence:
			if language == "sh" || language == "console" {
				if m := elsewhere.FindStringSubmatch(inside.text); m != nil && inside.reason == "" {
					inside.reason = "needs " + cmp.Or(m[1], "a PostgreSQL server")
				}
				if language == "console" {
					inside.commands = commandsOf(inside.text)
				}
				out = append(out, *inside)
			}
			inside, reason = nil, ""
		case inside != nil:
			inside.text += line + "\n"
		case isFence:
			language, inside = fence, &block{line: i + 1, reason: reason}
			if language == "" {
				t.Errorf("%s.md:%d: a block without a language: sh, console, yaml, text, ...", page, i+1)
			}
		case notRun.MatchString(line):
			reason = notRun.FindStringSubmatch(line)[1]
		case strings.HasPrefix(line, "    nems "):
			t.Errorf("%s.md:%d: put commands between ```sh and ```", page, i+1)
		}
	}
	return out
}

// commandsOf takes a block of the language console apart.
func commandsOf(text string) (out []command) {
	lines := strings.SplitAfter(text, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if rest, is := strings.CutPrefix(line, "$ "); is {
			c := command{text: rest, shown: line}
			for strings.HasSuffix(lines[i], "\\\n") && i+1 < len(lines) {
				i++
				c.text, c.shown = c.text+lines[i], c.shown+lines[i]
			}
			out = append(out, c)
		} else if len(out) > 0 {
			out[len(out)-1].output += line
		}
	}
	return out
}

func runnable(blocks []block) (n int) {
	for _, b := range blocks {
		if b.reason == "" {
			n++
		}
	}
	return n
}

// script is what the shell is given for a block. What begins a service stands for
// the page's own, which runs already.
func (b block) script(here *strings.Replacer, output string) (out string) {
	if b.commands == nil {
		return "exec >" + output + " 2>&1\n" + serving.ReplaceAllString(here.Replace(b.text), ":") + "\n"
	}
	for i, c := range b.commands {
		out += fmt.Sprintf("exec >%s.%d 2>&1\nset +e\n%s\nset -e\n", output, i, here.Replace(c.text))
	}
	return out
}

// changing is what is different each time: ids, times, durations, ages.
var changing = []*regexp.Regexp{
	regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
	regexp.MustCompile(`\b[0-9a-f]{32}\b`),
	regexp.MustCompile(`\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z| UTC|[+-]\d\d:\d\d)?`),
	regexp.MustCompile(`\b\d{17,20}\b`),
	regexp.MustCompile(`\b20[0-9A-Z_]{18,}\b`), // MESH message ids
	regexp.MustCompile(`\b[\d.]+ ?(µs|ms|s|years)\b`),
	regexp.MustCompile(`[ \t]+`), // columns move with what is in them
}

// alike compares what a page says that a command prints with what it prints. A line
// "..." on the page stands for any lines.
func alike(said, got string) bool {
	said, got = strings.TrimSpace(said), strings.TrimSpace(got)
	for _, c := range changing {
		said, got = c.ReplaceAllString(said, " "), c.ReplaceAllString(got, " ")
	}
	pattern := ""
	for i, part := range strings.Split("\n"+said+"\n", "\n...\n") {
		if i > 0 {
			pattern += `(?:\n.*)*\n`
		}
		pattern += regexp.QuoteMeta(part)
	}
	return regexp.MustCompile(`^` + pattern + `$`).MatchString("\n" + got + "\n")
}

// rewrite puts what a command prints into its page.
func rewrite(t *testing.T, file string, c command, got string) {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != "" && !strings.HasSuffix(got, "\n") {
		got += "\n"
	}
	text := strings.Replace(string(source), c.shown+c.output, c.shown+got, 1)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil { //nolint:gosec // a page
		t.Fatal(err)
	}
}

func TestAlike(t *testing.T) {
	for _, row := range []struct {
		said, got string
		want      bool
	}{
		{"a 0a0aa0f4-8f5c-4a1c-9b5a-2f3f7a1d0001\n", "a  1a0aa0f4-8f5c-4a1c-9b5a-2f3f7a1d0002\n", true},
		{"a\n...\nd\n", "a\nb\nc\nd\n", true},
		{"a\n...\nd\n", "a\nb\nc\ne\n", false},
		{"202 Accepted in 3 ms", "202 Accepted in 12 ms", true},
		{"202 Accepted", "422 Unprocessable", false},
		{"", "something", false},
	} {
		if got := alike(row.said, row.got); got != row.want {
			t.Errorf("%q, %q: %t", row.said, row.got, got)
		}
	}
}
