package fhir

import (
	"bytes"
	"unicode/utf8"
)

var utf8BOM = []byte("\xef\xbb\xbf")

// locator converts byte offsets to lines and columns (in characters), both from
// 1. Ascending offsets take one pass over the source in all. CR LF, CR and LF
// each end a line, as in XML.
type locator struct {
	src          []byte
	offset       int
	line, column int
}

func newLocator(src []byte) *locator {
	l := &locator{src: src, line: 1, column: 1}
	if bytes.HasPrefix(src, utf8BOM) {
		l.offset = len(utf8BOM)
	}
	return l
}

// position returns the place of an offset, which must not be before the offset of the last call.
func (l *locator) position(offset int) (line, column int) {
	offset = min(offset, len(l.src))
	if l.offset < offset {
		l.skipLines(offset)
	}
	count(max(0, offset-l.offset))
	for ; l.offset < offset; l.offset++ {
		c := l.src[l.offset]
		switch {
		case c == '\n', c == '\r' && !(l.offset+1 < len(l.src) && l.src[l.offset+1] == '\n'):
			l.line++
			l.column = 1
		case c == '\r' || utf8.RuneStart(c):
			l.column++
		}
	}
	return l.line, l.column
}

// skipLines moves to just after the last LF before the offset, if all lines end
// in a single LF. Most sources have such lines, and they can be counted fast.
func (l *locator) skipLines(offset int) {
	part := l.src[l.offset:offset]
	last := bytes.LastIndexByte(part, '\n')
	if last < 0 || bytes.IndexByte(part[:last], '\r') >= 0 {
		return
	}
	l.line += bytes.Count(part[:last+1], newline)
	l.column = 1
	l.offset += last + 1
}

var newline = []byte{'\n'}

// position returns the place of one offset.
func position(src []byte, offset int) (line, column int) {
	return newLocator(src).position(offset)
}
