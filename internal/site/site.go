package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"io/fs"
	"path"
	"strings"

	"nems/internal/console/handbook"
)

//go:embed assets
var assets embed.FS

var page = template.Must(template.ParseFS(assets, "assets/page.html"))

// indexFile has the words of all pages. It is a script, because a page that was
// opened from the disk may fetch nothing.
const indexFile = "search-index.js"

// shown is what the template of a page is given.
type shown struct {
	handbook.Page
	Root         string // the way up to the first page: "" or "../"
	Sections     []handbook.Section
	Section      string
	Before, Next *handbook.Page
}

// URL is the address of another page of the site.
func (s shown) URL(name string) string { return s.Root + name + ".html" }

// Parts are the headings for the list beside the page.
func (s shown) Parts() (out []handbook.Heading) {
	for _, h := range s.Headings {
		if h.Level == 2 {
			out = append(out, h)
		}
	}
	return out
}

// read makes all files of the site.
func read(docs fs.FS) (map[string][]byte, error) {
	others, err := otherFiles(docs)
	if err != nil {
		return nil, err
	}
	book, err := handbook.Read(docs, handbook.Place{Others: others, Pictures: true, URL: address})
	if err != nil {
		return nil, err
	}
	if _, known := book.Page("index"); !known || len(book.Sections) == 0 {
		return nil, errors.New("the handbook has no index.md, or no contents.yaml")
	}
	files := map[string][]byte{}
	for _, other := range others {
		if files[other], err = fs.ReadFile(docs, other); err != nil {
			return nil, err
		}
	}
	for _, asset := range []string{"site.css", "search.js"} {
		if files[asset], err = assets.ReadFile("assets/" + asset); err != nil {
			return nil, err
		}
	}
	if files[indexFile], err = index(book); err != nil {
		return nil, err
	}
	for _, p := range book.Pages {
		var out bytes.Buffer
		if err := page.Execute(&out, around(book, p)); err != nil {
			return nil, err
		}
		files[p.Name+".html"] = out.Bytes()
	}
	return files, nil
}

// otherFiles are what pages show or offer without being pages.
func otherFiles(docs fs.FS) (out []string, err error) {
	err = fs.WalkDir(docs, ".", func(file string, d fs.DirEntry, err error) error {
		switch path.Ext(file) {
		case ".png", ".svg", ".json":
			out = append(out, file)
		}
		return err
	})
	return out, err
}

// address is where a link on one page of the site leads: relative, so that the site
// works below any path, and from the disk.
func address(from, file string) string {
	if name, is := strings.CutSuffix(file, ".md"); is {
		file = name + ".html"
	} else if !strings.HasSuffix(file, ".json") && !strings.HasPrefix(file, "pictures/") {
		file += ".html" // a program
	}
	return up(from) + file
}

func up(from string) string { return strings.Repeat("../", strings.Count(from, "/")) }

// around finds the pages before and after a page, as they are read.
func around(book *handbook.Book, p handbook.Page) shown {
	s := shown{Page: p, Root: up(p.Name), Sections: book.Sections}
	var before *handbook.Page
	found := false
	for _, section := range book.Sections {
		for _, other := range section.Pages {
			switch {
			case found && s.Next == nil:
				s.Next = &other
			case other.Name == p.Name:
				found, s.Before, s.Section = true, before, section.Title
			}
			before = &other
		}
	}
	return s
}

// entry is what search knows of one heading.
type entry struct {
	URL   string `json:"u"`
	Page  string `json:"p"`
	Title string `json:"t"`
	Words string `json:"w"`
}

// index makes the script with the words of all pages.
func index(book *handbook.Book) ([]byte, error) {
	var entries []entry
	for _, p := range book.Pages {
		for _, h := range p.Headings {
			entries = append(entries, entry{p.Name + ".html#" + h.ID, p.Title, h.Text, h.Below})
		}
	}
	text, err := json.Marshal(entries)
	return append(append([]byte("window.handbook = "), text...), ";\n"...), err
}
