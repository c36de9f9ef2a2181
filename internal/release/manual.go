package main

import (
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// manual returns the manual page nems(1), made from what the program says when it
// is asked for help: the page has every command, and each flag of it.
func manual(binary, version string, at time.Time) ([]byte, error) {
	top, err := askHelp(binary)
	if err != nil {
		return nil, err
	}
	var page strings.Builder
	fmt.Fprintf(&page, ".TH NEMS 1 %q %q %q\n", at.UTC().Format("2006-01-02"), "nems "+roff(version), "NEMS")
	page.WriteString(".SH NAME\nnems \\- National Events Management Service\n.SH SYNOPSIS\n.B nems\n.I command\n[\\fIflags\\fR]\n")
	page.WriteString(".SH DESCRIPTION\n" + paragraphs(top.about))
	page.WriteString(".SH COMMANDS\n")
	for _, command := range top.groups["Commands"] {
		help, err := askHelp(binary, strings.Fields(command.name)...)
		if err != nil {
			return nil, err
		}
		page.WriteString(".SS " + roff(strings.TrimPrefix(help.usage, "Usage: ")) + "\n" + paragraphs(help.about))
		for _, group := range []string{"Commands", "Arguments", "Flags"} {
			for _, item := range help.groups[group] {
				if !strings.HasPrefix(item.name, "-h,") {
					fmt.Fprintf(&page, ".TP\n.B %s\n%s\n", roff(item.name), roff(item.meaning))
				}
			}
		}
	}
	page.WriteString(files)
	return []byte(page.String()), nil
}

// files are the places of a package.
const files = `.SH FILES
.TP
.I /etc/nems/nems.yaml
Settings of the service.
.TP
.I /etc/nems/nems.env
Settings of this machine alone, as NEMS_NAME=value; need not be there.
.TP
.I /etc/nems/secrets
A file for each secret that the settings name.
.TP
.I /var/lib/nems
The embedded database, the directory and the checkpoints of the audit.
.SH EXIT STATUS
0 for success, 1 for a failure, 2 for a wrong command line.
`

// help is one page of help.
type help struct {
	usage  string
	about  []string // lines
	groups map[string][]item
}

// item is a command, an argument or a flag with its meaning.
type item struct{ name, meaning string }

// askHelp runs a command of the program with --help.
func askHelp(binary string, command ...string) (help, error) {
	run := exec.Command(binary, append(command, "--help")...)
	run.Env = []string{"HOME=/", "PATH=/usr/bin:/bin"} // nobody's settings
	out, err := run.Output()
	if err != nil {
		return help{}, fmt.Errorf("nems %s --help: %w", strings.Join(command, " "), err)
	}
	h := readHelp(string(out))
	if h.usage == "" || len(h.about) == 0 || len(h.groups["Flags"]) == 0 {
		return help{}, fmt.Errorf("nems %s --help: expected usage, meaning and flags; received %q", strings.Join(command, " "), out)
	}
	return h, nil
}

// readHelp takes help apart: a line of usage, lines about the command, then groups
// with an indented item each. The meaning follows two blanks after the name, or in
// the next lines, which are indented further than any name.
func readHelp(text string) help {
	h := help{groups: map[string][]item{}}
	group := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n ")
		indent := len(line) - len(strings.TrimLeft(line, " "))
		rest := line[indent:]
		switch {
		case strings.HasPrefix(line, "Usage: "):
			h.usage = line
		case line == "Flags:" || line == "Arguments:" || line == "Commands:":
			group = strings.TrimSuffix(line, ":")
		case group != "" && line != "" && indent == 0:
			group = "end"
		case group == "":
			h.about = append(h.about, line)
		case line == "" || group == "end":
		case indent == 2 || indent == 6 && strings.HasPrefix(rest, "--"):
			name, meaning, _ := strings.Cut(rest, "  ")
			h.groups[group] = append(h.groups[group], item{name, strings.TrimSpace(meaning)})
		default:
			if items := h.groups[group]; len(items) > 0 {
				last := &items[len(items)-1]
				last.meaning = strings.TrimSpace(last.meaning + " " + rest)
			}
		}
	}
	return h
}

// paragraphs writes lines as text that is filled, except what is indented.
func paragraphs(lines []string) string {
	var out strings.Builder
	for _, line := range lines {
		switch {
		case line == "":
			if out.Len() > 0 {
				out.WriteString(".PP\n")
			}
		case strings.HasPrefix(line, " "):
			out.WriteString(".nf\n" + roff(line) + "\n.fi\n")
		default:
			out.WriteString(roff(line) + "\n")
		}
	}
	return strings.TrimSuffix(out.String(), ".PP\n")
}

// roff returns text so that nothing in it is an instruction.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
