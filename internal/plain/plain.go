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

// Short is Line of at most most characters. Where something was cut the last of
// them is an ellipsis. Its cost depends on most, not on s.
func Short(s string, most int) string {
	if len(s) <= most {
		return Line(s)
	}
	count, end := 0, 0
	for i := range s {
		switch count++; {
		case count == most:
			end = i
		case count > most:
			return Line(s[:end]) + "…"
		}
	}
	return Line(s)
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
