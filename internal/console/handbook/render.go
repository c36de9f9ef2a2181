package handbook

import (
	"bytes"
	"fmt"
	"html/template"
	"path"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// markdown leaves markup inside the text out, and aligns cells by attributes: the
// pages may have no styles of their own.
var markdown = goldmark.New(
	goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
)

// renderer makes pages.
type renderer struct {
	at    Place
	known map[string]bool // files that links may lead to
}

// page makes a page of its source.
func (r *renderer) page(name string, source []byte) (Page, error) {
	p := Page{Name: name, Title: path.Base(name)}
	doc := markdown.Parser().Parse(text.NewReader(source))
	pictures, err := r.prepare(&p, doc, source)
	if err != nil {
		return p, err
	}
	p.below(doc, source)
	var out bytes.Buffer
	if err := markdown.Renderer().Render(&out, source, doc); err != nil {
		return p, err
	}
	page := usable(out.String())
	for i, picture := range pictures {
		page = strings.Replace(page, "<p>"+placeholder(i)+"</p>\n", picture, 1)
	}
	p.HTML = template.HTML(page) //nolint:gosec // of our own pages, without markup inside
	return p, nil
}

// prepare takes a page's headings, leads its links to where they lead here, and
// draws its flowcharts, in whose place something stands that is replaced later.
func (r *renderer) prepare(p *Page, doc ast.Node, source []byte) (pictures []string, err error) {
	var gone []ast.Node
	var drawn []*ast.FencedCodeBlock
	err = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		var err error
		switch n := n.(type) {
		case *ast.Heading:
			p.heading(n, source)
		case *ast.Link:
			n.Destination, err = r.address(p, n.Destination)
		case *ast.Image:
			if n.Destination, err = r.address(p, n.Destination); !r.at.Pictures {
				gone = append(gone, n)
			}
		case *ast.HTMLBlock: // a comment for authors
			gone = append(gone, n)
		case *ast.FencedCodeBlock:
			if string(n.Language(source)) == "mermaid" {
				drawn = append(drawn, n)
			}
		}
		return ast.WalkContinue, err
	})
	if err != nil {
		return nil, err
	}
	for _, n := range gone {
		n.Parent().RemoveChild(n.Parent(), n)
	}
	for i, n := range drawn {
		f, err := readFlowchart(string(n.Lines().Value(source)))
		if err != nil {
			return nil, err
		}
		stand := ast.NewParagraph()
		stand.AppendChild(stand, ast.NewString([]byte(placeholder(i))))
		n.Parent().ReplaceChild(n.Parent(), n, stand)
		pictures = append(pictures, f.svg())
	}
	return pictures, nil
}

func placeholder(i int) string { return fmt.Sprintf("(flowchart %d)", i) }

// heading files a heading. The page around has the first one, so all move down.
func (p *Page) heading(n *ast.Heading, source []byte) {
	h := Heading{Text: words(n, source), Level: n.Level}
	if id, ok := n.AttributeString("id"); ok {
		h.ID = fmt.Sprintf("%s", id)
	}
	if n.Level == 1 {
		p.Title = h.Text
	}
	p.Headings = append(p.Headings, h)
	n.Level = min(n.Level+1, 6)
}

// below fills in the words below each heading.
func (p *Page) below(doc ast.Node, source []byte) {
	at := -1
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		if n.Kind() == ast.KindHeading {
			at++
			continue
		}
		if at >= 0 {
			p.Headings[at].Below = strings.TrimSpace(p.Headings[at].Below + " " + words(n, source))
		}
	}
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

// words is the text of a part of a page.
func words(n ast.Node, source []byte) string {
	var out strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Text:
			out.Write(n.Segment.Value(source))
			if n.SoftLineBreak() {
				out.WriteByte(' ')
			}
		case *ast.FencedCodeBlock, *ast.CodeBlock:
			out.WriteString(" " + string(n.Lines().Value(source)))
		case *ast.Paragraph, *ast.ListItem, *extast.TableCell:
			out.WriteByte(' ')
		}
		return ast.WalkContinue, nil
	})
	return strings.Join(strings.Fields(out.String()), " ")
}

// address is where a link or a picture of a page leads here.
func (r *renderer) address(p *Page, destination []byte) ([]byte, error) {
	to := string(destination)
	if strings.Contains(to, "://") {
		return destination, nil
	}
	file, id, marked := strings.Cut(to, "#")
	whole := p.Name + ".md"
	if file != "" {
		whole = path.Join(path.Dir(p.Name), file)
	}
	if !r.known[whole] {
		return nil, fmt.Errorf("the link to %s leads nowhere", to)
	}
	if marked {
		p.leads = append(p.leads, lead{whole, id})
	}
	if file == "" {
		return destination, nil
	}
	url := r.at.URL(p.Name, whole)
	if marked {
		url += "#" + id
	}
	return []byte(url), nil
}
