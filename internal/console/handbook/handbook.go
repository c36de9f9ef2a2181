// Package handbook turns the pages of docs into HTML that a browser may be shown
// under the console's strict rules: no markup of their own, no styles, no scripts.
package handbook

import (
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Heading is a heading of a page, with the text below it.
type Heading struct {
	ID, Text string
	Level    int
	Below    string // the words up to the next heading
}

// Page is one page of the handbook, or a program that one shows.
type Page struct {
	Name     string // its path without .md, such as decisions/0001-spine-codes or examples/publish.py
	Title    string
	Headings []Heading
	HTML     template.HTML
	leads    []lead
}

// lead is a link of a page to a heading.
type lead struct{ file, id string }

// Book is the whole handbook.
type Book struct {
	Pages    []Page // by name, those without a folder first
	Sections []Section
	byName   map[string]int
}

// Place is where pages are shown.
type Place struct {
	// URL is the address of a file of the handbook ("operating.md") for a link on a page.
	URL func(from, file string) string
	// Others are files that are no pages, and that links may lead to.
	Others []string
	// Pictures says whether pictures can be shown. Otherwise their texts are.
	Pictures bool
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

// Find returns the headings whose section has all words, without regard to case:
// first those that have them themselves.
func (b *Book) Find(words string) []Found {
	wanted := strings.Fields(strings.ToLower(words))
	if len(wanted) == 0 {
		return nil
	}
	has := func(in string) bool {
		in = strings.ToLower(in)
		return !slices.ContainsFunc(wanted, func(word string) bool { return !strings.Contains(in, word) })
	}
	var first, rest []Found
	for _, p := range b.Pages {
		for _, h := range p.Headings {
			switch title := p.Title + " " + h.Text; {
			case has(title):
				first = append(first, Found{p, h})
			case has(title + " " + h.Below):
				rest = append(rest, Found{p, h})
			}
		}
	}
	all := append(first, rest...)
	return all[:min(len(all), maxFound)]
}

// Read reads all pages of files. A link that leads nowhere is an error.
func Read(files fs.FS, at Place) (*Book, error) {
	b := &Book{byName: map[string]int{}}
	names, programs, err := listed(files, at.Others)
	if err != nil {
		return nil, err
	}
	r := renderer{at: at, known: map[string]bool{}}
	for _, name := range names {
		r.known[name+".md"] = true
	}
	for _, name := range append(slices.Clone(programs), at.Others...) {
		r.known[name] = true
	}
	for _, name := range names {
		source, err := fs.ReadFile(files, name+".md")
		if err != nil {
			return nil, err
		}
		p, err := r.page(name, source)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		b.add(p)
	}
	for _, name := range programs {
		source, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		b.add(program(name, source))
	}
	if err := b.checkLeads(); err != nil {
		return nil, err
	}
	return b, b.readSections(files)
}

func (b *Book) add(p Page) {
	b.byName[p.Name] = len(b.Pages)
	b.Pages = append(b.Pages, p)
}

// listed returns the names of pages, those without a folder first, and of programs,
// which are in folders.
func listed(files fs.FS, others []string) (names, programs []string, err error) {
	err = fs.WalkDir(files, ".", func(file string, d fs.DirEntry, err error) error {
		name, is := strings.CutSuffix(file, ".md")
		switch {
		case err != nil || d.IsDir() || slices.Contains(others, file):
		case is:
			names = append(names, name)
		case strings.Contains(file, "/"):
			programs = append(programs, file)
		}
		return err
	})
	slices.SortFunc(names, func(a, b string) int {
		if deep := strings.Count(a, "/") - strings.Count(b, "/"); deep != 0 {
			return deep
		}
		return strings.Compare(a, b)
	})
	return names, programs, err
}

// checkLeads reports the links to headings that are not there.
func (b *Book) checkLeads() error {
	for _, p := range b.Pages {
		for _, l := range p.leads {
			to, page := b.Page(strings.TrimSuffix(l.file, ".md"))
			if page && !slices.ContainsFunc(to.Headings, func(h Heading) bool { return h.ID == l.id }) {
				return fmt.Errorf("%s: %s has no heading #%s", p.Name, l.file, l.id)
			}
		}
	}
	return nil
}

// program makes a page of a program: its text as it is.
func program(name string, source []byte) Page {
	text := `<pre tabindex="0"><code>` + template.HTMLEscapeString(string(source)) + "</code></pre>"
	return Page{Name: name, Title: path.Base(name), HTML: template.HTML(text)} //nolint:gosec // it is escaped
}
