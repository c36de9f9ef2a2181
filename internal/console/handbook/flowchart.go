package handbook

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"unicode/utf8"
)

// A page's flowchart is text (a part of Mermaid's language), which a program draws as
// SVG: no script is needed to look at it, and it may be changed line by line.

// flowchart is what the text says.
type flowchart struct {
	right bool // it runs to the right, not down
	boxes []*box
	edges []edge
}

// box is a node of a flowchart, or a place where an edge passes a rank.
type box struct {
	id            string
	lines         []string
	round         bool
	rank          int
	along, across float64 // its middle; along is the way that the flowchart runs
	long, wide    float64 // its sizes along and across
}

type edge struct {
	from, to *box
	dotted   bool
	label    string
	by       []*box // the places that it passes
}

var (
	declared = regexp.MustCompile(`^(\w+)(?:(\(\[|\[\(|\[)"?(.*?)"?(\]\)|\)\]|\]))?$`)
	arrow    = regexp.MustCompile(`\s+(?:-->|-\.\s*([^.]*?)\s*\.->)\s+`)
)

// readFlowchart reads the part of Mermaid's language that the handbook uses: boxes
// and the arrows between them.
func readFlowchart(text string) (*flowchart, error) {
	f := &flowchart{}
	known := map[string]*box{}
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		line = strings.TrimSpace(line)
		if i == 0 {
			if line != "flowchart TB" && line != "flowchart LR" {
				return nil, fmt.Errorf("expected flowchart TB or flowchart LR, received %q", line)
			}
			f.right = line == "flowchart LR"
			continue
		}
		if line == "" {
			continue
		}
		kinds := arrow.FindAllStringSubmatch(line, -1)
		var before *box
		for n, part := range arrow.Split(line, -1) {
			b, err := f.box(part, known)
			if err != nil {
				return nil, fmt.Errorf("line %d of a flowchart: %w", i+1, err)
			}
			if before != nil {
				label := kinds[n-1][1]
				f.edges = append(f.edges, edge{from: before, to: b, label: label, dotted: strings.Contains(kinds[n-1][0], ".")})
			}
			before = b
		}
	}
	return f, nil
}

// box returns the box that a part of a line names or declares.
func (f *flowchart) box(part string, known map[string]*box) (*box, error) {
	m := declared.FindStringSubmatch(part)
	if m == nil {
		return nil, fmt.Errorf("expected a box such as id[\"text\"], received %q", part)
	}
	b := known[m[1]]
	if b == nil {
		b = &box{id: m[1], lines: []string{m[1]}}
		known[m[1]] = b
		f.boxes = append(f.boxes, b)
	}
	if m[2] != "" {
		b.lines, b.round = wrapped(html.UnescapeString(m[3])), m[2] != "["
	}
	return b, nil
}

// widest is how many characters a line of a box has at most.
const widest = 40

// wrapped breaks a text into lines: at its breaks and points, then between words.
func wrapped(text string) (lines []string) {
	text = strings.ReplaceAll(text, "\u00a0", " ")
	text = strings.NewReplacer("<br/>", "\n", "  ·  ", "\n").Replace(text)
	for _, part := range strings.Split(text, "\n") {
		line := ""
		for _, word := range strings.Fields(part) {
			if line != "" && utf8.RuneCountInString(line+" "+word) > widest {
				lines, line = append(lines, line), ""
			}
			line = strings.TrimSpace(line + " " + word)
		}
		lines = append(lines, line)
	}
	return lines
}

// Sizes in pixels, of a text that is 13 pixels high.
const (
	letter = 7.2
	lineUp = 18.0
	margin = 12.0
	apart  = 20.0 // between boxes of one rank
	arrows = 32.0 // between ranks
)

// sizes says how large each box is.
func (f *flowchart) sizes() {
	for _, b := range f.boxes {
		width := 0.0
		for _, l := range b.lines {
			width = max(width, float64(utf8.RuneCountInString(l))*letter+2*margin)
		}
		height := float64(len(b.lines))*lineUp + margin
		b.long, b.wide = height, width
		if f.right {
			b.long, b.wide = width, height
		}
	}
}

// svg draws the flowchart. Colours and letters are the page's.
func (f *flowchart) svg() string {
	f.sizes()
	long, wide := f.place()
	width, height := wide, long
	if f.right {
		width, height = long, wide
	}
	var names []string
	var out strings.Builder
	for _, e := range f.edges {
		f.line(&out, e)
	}
	for _, b := range f.boxes {
		names = append(names, b.id)
		f.rectangle(&out, b)
	}
	kind := "flowchart"
	if f.right {
		kind += " right"
	}
	label := html.EscapeString(strings.Join(names, ", "))
	return fmt.Sprintf(`<div class="scroll" tabindex="0" role="region" aria-label="Picture: %s"><svg class="%s" role="img" aria-label="Flowchart of %s" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f">%s</svg></div>`+"\n",
		label, kind, label, width, height, width, height, out.String())
}

func (f *flowchart) rectangle(out *strings.Builder, b *box) {
	w, h := b.wide, b.long
	if f.right {
		w, h = h, w
	}
	x, y := f.point(b.along, b.across)
	corner := 4.0
	if b.round {
		corner = min(h/2, 16)
	}
	fmt.Fprintf(out, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="%.0f"/>`, x-w/2, y-h/2, w, h, corner)
	for i, l := range b.lines {
		fmt.Fprintf(out, `<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, x, y+(float64(i)-float64(len(b.lines)-1)/2)*lineUp+4.5, html.EscapeString(l))
	}
}

// point says where a place is on the page.
func (f *flowchart) point(along, across float64) (x, y float64) {
	if f.right {
		return along, across
	}
	return across, along
}

// line draws an edge from box to box, with its head and its label.
func (f *flowchart) line(out *strings.Builder, e edge) {
	stops := append(append([]*box{e.from}, e.by...), e.to)
	kind := ""
	if e.dotted {
		kind = ` class="dotted"`
	}
	var path strings.Builder
	at, across := e.from.along+e.from.long/2, e.from.across
	fmt.Fprintf(&path, "M%s", f.pair(at, across))
	for _, s := range stops[1:] {
		enter := s.along - s.long/2
		if s == e.to {
			enter -= 7 // the head
		}
		half := (at + enter) / 2
		fmt.Fprintf(&path, "C%s %s %s", f.pair(half, across), f.pair(half, s.across), f.pair(enter, s.across))
		if s != e.to {
			fmt.Fprintf(&path, "L%s", f.pair(s.along+s.long/2, s.across))
		}
		at, across = s.along+s.long/2, s.across
	}
	fmt.Fprintf(out, `<path%s d="%s"/>`, kind, path.String())
	end := e.to.along - e.to.long/2
	fmt.Fprintf(out, `<polygon points="%s %s %s"/>`, f.pair(end, e.to.across), f.pair(end-8, e.to.across-4), f.pair(end-8, e.to.across+4))
	if e.label != "" {
		x, y := f.point((e.from.along+e.from.long/2+end)/2, (e.from.across+e.to.across)/2)
		fmt.Fprintf(out, `<text class="label" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, x, y-4, html.EscapeString(e.label))
	}
}

func (f *flowchart) pair(along, across float64) string {
	x, y := f.point(along, across)
	return fmt.Sprintf("%.1f,%.1f", x, y)
}
