package fhir

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// text reads character data up to the next markup or the end.
func (p *parser) text() error {
	start, visible := p.pos, false
	src, i := p.src, p.pos
	for i < len(src) && src[i] != '<' {
		c := src[i]
		switch {
		case class[c]&classText != 0:
			visible = visible || c != ' '
			i++
		case c == '\n' || c == '\t' || c == '\r':
			i++
		case c == '&':
			r, size, err := p.reference(i)
			if err != nil {
				return err
			}
			visible = visible || r > ' ' || !isSpace(byte(r))
			i += size
		case c == ']':
			if bytes.HasPrefix(src[i:], []byte("]]>")) {
				return p.syntax("xml-text", `the characters "]]>" are not allowed in text`, i)
			}
			visible = true
			i++
		default:
			size, err := p.character(i)
			if err != nil {
				return err
			}
			visible = true
			i += size
		}
	}
	p.pos = i
	if i > start {
		p.foundText(start, i, visible)
	}
	return nil
}

// foundText judges text by the element that it is in.
func (p *parser) foundText(start, end int, visible bool) {
	f := &p.frames[p.depth]
	switch {
	case f.html != 0:
		p.narrativeText(f, start, visible)
	case visible && !f.stray && f.typ != typeUnknown:
		f.stray = true
		p.report(ruleText, f.node, start, "this element has no text content; received "+characters(end-start))
	}
}

// character checks one character that is not plain, and returns its size.
func (p *parser) character(i int) (int, error) {
	r, size := utf8.DecodeRune(p.src[i:])
	switch {
	case r == utf8.RuneError && size <= 1:
		return 0, p.syntax("xml-utf8", "there are bytes that are not UTF-8", i)
	case !isChar(r):
		return 0, p.syntax("xml-character", "there is a character that XML does not allow", i)
	}
	return size, nil
}

// reference reads a character reference or one of the five entities at i. It
// returns the character and the size of the reference.
func (p *parser) reference(i int) (rune, int, error) {
	r, size := decodeReference(p.src[i:])
	if size == 0 {
		return 0, 0, p.syntax("xml-reference", "& does not start one of &lt; &gt; &amp; &quot; &apos; or the number of a character", i)
	}
	return r, size, nil
}

// decodeReference reads the reference at the start of b. Size 0 means that XML
// allows no such reference.
func decodeReference(b []byte) (r rune, size int) {
	if len(b) > 1 && b[1] == '#' {
		return characterNumber(b)
	}
	for _, e := range entities {
		if len(b) >= len(e.text) && string(b[:len(e.text)]) == e.text {
			return e.char, len(e.text)
		}
	}
	return 0, 0
}

var entities = [...]struct {
	text string
	char rune
}{{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}}

// characterNumber reads &#233; or &#xE9;.
func characterNumber(b []byte) (r rune, size int) {
	first, base := 2, rune(10)
	if len(b) > first && b[first] == 'x' {
		first, base = 3, 16
	}
	for i := first; i < len(b); i++ {
		switch c := b[i]; {
		case isDigit(c):
			r = r*base + rune(c-'0')
		case base == 16 && isHex(c):
			r = r*base + rune(c|0x20-'a') + 10
		case c == ';' && i > first && isChar(r):
			return r, i + 1
		default:
			return 0, 0
		}
		if r > utf8.MaxRune {
			return 0, 0
		}
	}
	return 0, 0
}

// comment reads <!-- ... -->, which must not contain two hyphens.
func (p *parser) comment() error {
	start := p.pos
	end := bytes.Index(p.src[start+4:], []byte("--"))
	if end < 0 {
		return p.syntax("xml-comment", "a comment has no end", start)
	}
	end += start + 4
	if end+2 >= len(p.src) || p.src[end+2] != '>' {
		return p.syntax("xml-comment", "two hyphens are not allowed inside a comment", end)
	}
	p.pos = end + 3
	return p.checkCharacters(start+4, end)
}

// cdata reads <![CDATA[ ... ]]>, which is text.
func (p *parser) cdata() error {
	start := p.pos + len("<![CDATA[")
	end := bytes.Index(p.src[start:], []byte("]]>"))
	if end < 0 {
		return p.syntax("xml-cdata", "a CDATA section has no end", p.pos)
	}
	end += start
	if err := p.checkCharacters(start, end); err != nil {
		return err
	}
	f := &p.frames[p.depth]
	p.pos = end + 3
	// Even an empty section counts as text in an element that may have none.
	if f.html == 0 || !htmlElements[f.html].mixed {
		p.foundText(start, end, true)
	} else {
		p.foundText(start, end, !isBlank(p.src[start:end]))
	}
	return nil
}

func (p *parser) checkCharacters(start, end int) error {
	for i := start; i < end; {
		if c := p.src[i]; c >= ' ' && c < utf8.RuneSelf || isSpace(c) {
			i++
			continue
		}
		size, err := p.character(i)
		if err != nil {
			return err
		}
		i += size
	}
	return nil
}

// unescapeAttribute normalises a raw attribute as XML demands: references
// become characters, white space becomes blanks. Plain values, nearly all, are
// returned unchanged.
func unescapeAttribute(raw []byte) []byte {
	// These are plain loops, because bytes.IndexAny builds a set of its characters at each call.
	first := 0
	for first+8 <= len(raw) && isPlain(binary.LittleEndian.Uint64(raw[first:])) {
		first += 8
	}
	for first < len(raw) && raw[first] != '&' && (raw[first] >= ' ' || !isSpace(raw[first])) {
		first++
	}
	if first == len(raw) {
		return raw
	}
	out := make([]byte, first, len(raw))
	copy(out, raw)
	for i := first; i < len(raw); {
		switch c := raw[i]; {
		case c == '&':
			r, size := decodeReference(raw[i:])
			out = utf8.AppendRune(out, r)
			i += max(size, 1)
		case c == '\r' && i+1 < len(raw) && raw[i+1] == '\n':
			i++
		case isSpace(c):
			out = append(out, ' ')
			i++
		default:
			out = append(out, c)
			i++
		}
	}
	return out
}

// isPlain reports whether eight bytes hold no & and no byte below a blank. It
// checks them all at once: subtracting from a smaller byte borrows from its
// highest bit.
func isPlain(eight uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	ampersand := eight ^ ones*'&' // a byte is zero where there is an ampersand
	return ((eight-ones*' ')&^eight|(ampersand-ones)&^ampersand)&high == 0
}
