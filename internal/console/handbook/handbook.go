// Package handbook turns the pages of docs into HTML that a browser may be shown
// under the console's strict rules: no markup of their own, no styles, no scripts.
package handbook

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// Heading is a heading of a page.
type Heading struct {
	ID, Text string
}

// Page is one page of the handbook, or a program that one shows.
type Page struct {
	Name     string // its path without .md, such as decisions/0001-spine-codes or examples/publish.py
	Title    string
	Headings []Heading
	HTML     template.HTML
}

// Book is the whole handbook.
type Book struct {
	Pages  []Page // by name, those without a folder first
	byName map[string]int
}

// Page returns the page with a name.
func (b *Book) Page(name string) (p Page, known bool) {
	at, known := b.byName[name]
	if known {
		p = b.Pages[at]
	}
	return p, known
}

// Found is a heading that was looked for.
type Found struct {
	Page Page
	Heading
}

// maxFound is how many headings a search returns at most.
const maxFound = 50

// Find returns the headings that hold all words, without regard to case.
func (b *Book) Find(words string) (out []Found) {
	wanted := strings.Fields(strings.ToLower(words))
	for _, p := range b.Pages {
		for _, h := range p.Headings {
			in := strings.ToLower(p.Title + " " + h.Text)
			missing := slices.ContainsFunc(wanted, func(word string) bool { return !strings.Contains(in, word) })
			if !missing && len(wanted) > 0 && len(out) < maxFound {
				out = append(out, Found{p, h})
			}
		}
	}
	return out
}

// Read reads all pages of files. root is the URL below which pages are shown, and
// others tells the URLs of files that are no pages.
func Read(files fs.FS, root string, others map[string]string) (*Book, error) {
	b := &Book{byName: map[string]int{}}
	var names, programs []string
	err := fs.WalkDir(files, ".", func(file string, d fs.DirEntry, err error) error {
		name, is := strings.CutSuffix(file, ".md")
		switch {
		case err != nil || d.IsDir():
		case is:
			names = append(names, name)
		case others[file] == "":
			programs = append(programs, file)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(names, func(a, b string) int {
		if deep := strings.Count(a, "/") - strings.Count(b, "/"); deep != 0 {
			return deep
		}
		return strings.Compare(a, b)
	})
	urls := map[string]string{}
	for file, url := range others {
		urls[file] = url
	}
	for i, name := range names {
		b.byName[name] = i
		urls[name+".md"] = root + name
	}
	for _, name := range programs {
		urls[name] = root + name
	}
	for _, name := range names {
		source, err := fs.ReadFile(files, name+".md")
		if err != nil {
			return nil, err
		}
		p, err := render(name, source, urls)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		b.Pages = append(b.Pages, p)
	}
	for _, name := range programs {
		source, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		b.byName[name] = len(b.Pages)
		b.Pages = append(b.Pages, program(name, source))
	}
	return b, nil
}

// program makes a page of a program: its text as it is.
func program(name string, source []byte) Page {
	text := `<pre tabindex="0"><code>` + template.HTMLEscapeString(string(source)) + "</code></pre>"
	return Page{Name: name, Title: path.Base(name), HTML: template.HTML(text)} //nolint:gosec // it is escaped
}

// markdown leaves markup inside the text out, and aligns cells by attributes: the
// console's pages may have no styles of their own.
var markdown = goldmark.New(
	goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
)

// render makes a page of its source.
func render(name string, source []byte, urls map[string]string) (Page, error) {
	p := Page{Name: name, Title: path.Base(name)}
	doc := markdown.Parser().Parse(text.NewReader(source))
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			h := Heading{Text: words(n, source)}
			if id, ok := n.AttributeString("id"); ok {
				h.ID = fmt.Sprintf("%s", id)
			}
			if n.Level == 1 {
				p.Title = h.Text
			}
			p.Headings = append(p.Headings, h)
			n.Level = min(n.Level+1, 6) // the page around it has the first
		case *ast.Link:
			to, err := address(name, string(n.Destination), urls)
			n.Destination = []byte(to)
			return ast.WalkContinue, err
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return p, err
	}
	var out bytes.Buffer
	if err := markdown.Renderer().Render(&out, source, doc); err != nil {
		return p, err
	}
	p.HTML = template.HTML(usable(out.String())) //nolint:gosec // of our own pages, without markup inside
	return p, nil
}

// usable lets wide tables and long lines scroll by themselves, by keyboard as well,
// each table under a name of its own. A cell at the head that says nothing heads
// nothing.
func usable(page string) string {
	page = strings.NewReplacer("</table>", "</table></div>", "<pre>", `<pre tabindex="0">`, "<th></th>", "<td></td>", "<th>", `<th scope="col">`).Replace(page)
	for n := 1; strings.Contains(page, "<table>"); n++ {
		page = strings.Replace(page, "<table>", fmt.Sprintf(`<div class="scroll" tabindex="0" role="region" aria-label="Table %d"><table class="nhsuk-table">`, n), 1)
	}
	return page
}

// words is the text of a heading.
func words(n ast.Node, source []byte) string {
	var out strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, is := n.(*ast.Text); is && entering {
			out.Write(t.Segment.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return out.String()
}

// address is where a link of a page leads in the console.
func address(page, to string, urls map[string]string) (string, error) {
	if strings.Contains(to, "://") || strings.HasPrefix(to, "#") {
		return to, nil
	}
	file, place, marked := strings.Cut(to, "#")
	url, known := urls[path.Join(path.Dir(page), file)]
	if !known {
		return "", fmt.Errorf("the link to %s leads nowhere", to)
	}
	if marked {
		url += "#" + place
	}
	return url, nil
}
