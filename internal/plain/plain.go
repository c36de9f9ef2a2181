// Package plain makes texts from outside safe to show. A terminal acts on some
// characters instead of showing them: escape sequences move the cursor and
// change earlier output, line breaks add rows to a table or lines to a log that
// nobody wrote, bidirectional marks change the order of words. This package
// makes such characters visible.
package plain

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns s as one line. Every character that cannot be printed becomes
// U+FFFD: control characters (C0 and C1), line breaks, marks of direction, bytes
// that are not UTF-8. A blank of any width becomes a space.
func Line(s string) string { return strings.Map(show, s) }

// ellipsis marks where a text was cut.
const ellipsis = "…"

// Short is Line with a limit of most bytes, which must be at least three. A text
// that was cut ends in an ellipsis. The cost depends on most, not on the length
// of s.
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

// Text is Line, except that it keeps line feeds and tabs. It is for texts of several lines.
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

// Error returns err with its text shortened by Short. It still wraps the same
// errors. A nil error stays nil.
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
