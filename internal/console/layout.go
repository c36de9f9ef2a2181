package console

import "bytes"

// mostDepth limits how far a line is indented: what is nested deeper stays there.
const mostDepth = 24

// longLines is the average length from which lines are too long for findings at them.
const longLines = 300

// laidOut gives each tag and text of XML a line of its own where it has hardly any
// line breaks, and tells whether it did. It reads whatever was sent, also what is not
// well formed, and takes time and memory in proportion to it.
func laidOut(src []byte) ([]byte, bool) {
	if len(src)/(bytes.Count(src, []byte("\n"))+1) < longLines {
		return src, false
	}
	out, depth := make([]byte, 0, 2*len(src)), 0
	line := func(text []byte) {
		for range min(depth, mostDepth) {
			out = append(out, "  "...)
		}
		out = append(append(out, text...), '\n')
	}
	for len(src) > 0 {
		token := src[:tokenEnd(src)]
		src = src[len(token):]
		text := bytes.TrimSpace(token)
		switch {
		case len(text) == 0:
		case bytes.HasPrefix(text, []byte("</")):
			depth = max(0, depth-1)
			line(text)
		case text[0] == '<' && text[len(text)-1] == '>' && text[len(text)-2] != '/' && !bytes.ContainsAny(text[1:2], "!?"):
			line(text)
			depth++
		default:
			line(text)
		}
	}
	return out, true
}

// tokenEnd is where the tag, comment, CDATA or text ends that XML begins with.
func tokenEnd(src []byte) int {
	until := func(end string) int {
		if at := bytes.Index(src, []byte(end)); at >= 0 {
			return at + len(end)
		}
		return len(src)
	}
	switch {
	case src[0] != '<':
		if at := bytes.IndexByte(src, '<'); at >= 0 {
			return at
		}
		return len(src)
	case bytes.HasPrefix(src, []byte("<!--")):
		return until("-->")
	case bytes.HasPrefix(src, []byte("<![CDATA[")):
		return until("]]>")
	}
	quote := byte(0)
	for i, c := range src {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i + 1
		}
	}
	return len(src)
}
