// Package plain makes texts from outside fit for eyes. A terminal acts on some
// characters instead of showing them: escape sequences move the cursor and
// change what stands above, line breaks make rows of a table and lines of a log
// that nobody wrote, bidirectional marks turn words around. Here they become
// visible.
package plain

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns s as one line. What cannot be printed, control characters (C0 and
// C1), line breaks, marks of direction, bytes that are no UTF-8, becomes U+FFFD
// each; a blank of any width becomes a space.
func Line(s string) string { return strings.Map(show, s) }

// ellipsis stands where something was cut.
const ellipsis = "…"

// Short is Line in at most most bytes, which are at least three. Where something
// was cut it ends in an ellipsis. Its cost depends on most, not on s.
func Short(s string, most int) string {
	whole := len(s) <= most
	if !whole {
		s = s[:most]
	}
	line := Line(s)
	if whole && len(line) <= most {
		return line
	}
	// Line may have made the text shorter: a wide blank of three bytes becomes one.
	end := min(most-len(ellipsis), len(line))
	for end > 0 && end < len(line) && !utf8.RuneStart(line[end]) {
		end--
	}
	return line[:end] + ellipsis
}

// Text is Line that keeps line feeds and tabs: for what has lines of its own.
func Text(s string) string { return strings.Map(showInText, s) }

func show(r rune) rune {
	switch {
	case strconv.IsPrint(r):
		return r
	case unicode.Is(unicode.Zs, r):
		return ' '
	}
	return utf8.RuneError
}

func showInText(r rune) rune {
	if r == '\n' || r == '\t' {
		return r
	}
	return show(r)
}

// Error returns err with its text as Short gives it. What it wraps stays; nil
// stays nil.
func Error(err error, most int) error {
	if err == nil {
		return nil
	}
	return short{err, Short(err.Error(), most)}
}

type short struct {
	error
	text string
}

func (s short) Error() string { return s.text }
func (s short) Unwrap() error { return s.error }
