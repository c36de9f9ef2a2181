package main

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"

	"nems/internal/plain"
)

// All output of the commands goes through this file. Names, reasons, file names
// and the answers of other services come from outside, and a terminal would act on
// some of their characters.

// stdout is where results go, as text. What cannot be printed is replaced.
func stdout() io.Writer { return plain.Writer(os.Stdout) }

// stderr is where remarks and errors go.
func stderr() io.Writer { return plain.Writer(os.Stderr) }

// newLog returns a log on standard error, in the form text or json.
func newLog(level slog.Leveler, form string) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if form == "json" {
		return slog.New(plain.Handler(slog.NewJSONHandler(plain.JSON(os.Stderr), options)))
	}
	return slog.New(plain.Handler(slog.NewTextHandler(os.Stderr, options)))
}

// printTable writes rows below a header, whose columns are separated by blanks.
// Each cell is one line, whatever its content.
func printTable(header string, rows [][]string) error { return writeTable(os.Stdout, header, rows) }

func writeTable(w io.Writer, header string, rows [][]string) error {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, strings.Join(strings.Fields(header), "\t"))
	for _, row := range rows {
		fmt.Fprintln(table, joined(row))
	}
	return table.Flush()
}

// joined joins the cells of a row, each on one line.
func joined(cells []string) string {
	shown := make([]string, len(cells))
	for i, c := range cells {
		shown[i] = plain.Line(c)
	}
	return strings.Join(shown, "\t")
}

// colours tells whether standard output is a terminal whose user wants colours.
func colours() bool {
	info, err := os.Stdout.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// printMarked writes lines, each with its mark in front.
func printMarked(lines []marked) error {
	_, err := io.WriteString(os.Stdout, markedText(lines, colours()))
	return err
}

// marked is a line of text that may say yes or no.
type marked struct {
	mark   mark
	indent int
	text   string
}

// mark is a sign in front of a line.
type mark int

// The marks.
const (
	noMark mark = iota
	tick
	cross
)

// markedText is lines as text. Only marks are coloured, so that what comes from
// outside stays as plain as everywhere.
func markedText(lines []marked, colour bool) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.Repeat(" ", l.indent))
		for _, sign := range []struct {
			mark         mark
			text, colour string
		}{{tick, "✓", "\x1b[32m"}, {cross, "✗", "\x1b[31m"}} {
			if l.mark != sign.mark {
				continue
			}
			if colour {
				sign.text = sign.colour + sign.text + "\x1b[0m"
			}
			b.WriteString(sign.text + " ")
		}
		b.WriteString(plain.Line(l.text) + "\n")
	}
	return b.String()
}

func printJSON(value any) error {
	e := encoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// printUnchanged writes what other programs read byte for byte, such as a message. A
// terminal gets it as text, since it would act on some characters.
func printUnchanged(text string) error {
	var w io.Writer = os.Stdout
	if term.IsTerminal(int(os.Stdout.Fd())) { //nolint:gosec // a descriptor
		w = stdout()
	}
	_, err := io.WriteString(w, text)
	return err
}

// printLines writes a sequence as JSON lines.
func printLines[T any](all iter.Seq2[T, error]) error { return writeLines(os.Stdout, all) }

func writeLines[T any](w io.Writer, all iter.Seq2[T, error]) error {
	e := encoder(w)
	for line, err := range all {
		if err == nil {
			err = e.Encode(line)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// encoder writes JSON in which every character can be shown.
func encoder(w io.Writer) *json.Encoder { return json.NewEncoder(plain.JSON(w)) }
