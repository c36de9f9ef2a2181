package main

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

var linked = regexp.MustCompile(`(?:href|src)="([^"#]*)(?:#([^"]*))?"`)

// Every page is written, and every link and picture of one, with its anchor, leads
// to a file of the site.
func TestSite(t *testing.T) {
	out := filepath.Join(t.TempDir(), "site")
	n, err := write(os.DirFS("../../docs"), out)
	if err != nil || n < 40 {
		t.Fatalf("%d pages, %v", n, err)
	}
	files, err := read(os.DirFS("../../docs"))
	if err != nil {
		t.Fatal(err)
	}
	links := 0
	for name, content := range files {
		if path.Ext(name) != ".html" {
			continue
		}
		if strings.Contains(string(content), "style=") || strings.Contains(string(content), "<script>") {
			t.Errorf("%s: has something that its own rules forbid", name)
		}
		for _, l := range linked.FindAllStringSubmatch(string(content), -1) {
			if strings.Contains(l[1], ":") { // elsewhere
				continue
			}
			to := name
			if l[1] != "" {
				to = path.Join(path.Dir(name), l[1])
			}
			target, known := files[to]
			if !known || l[2] != "" && !strings.Contains(string(target), `id="`+l[2]+`"`) {
				t.Errorf("%s: %s leads nowhere", name, l[0])
			}
			links++
		}
	}
	if links < 500 {
		t.Errorf("only %d links", links)
	}
	if !strings.Contains(string(files[indexFile]), "operating.html#") || !strings.Contains(string(files["architecture.html"]), "<svg") {
		t.Error("the index lacks a page, or the architecture its picture")
	}
}

// A site replaces an earlier one, and nothing else.
func TestReplacesOnlyASite(t *testing.T) {
	out := t.TempDir()
	docs := fstest.MapFS{"index.md": {Data: []byte("# A")}, "contents.yaml": {Data: []byte("- {title: A, pages: [index]}")}}
	if err := os.WriteFile(filepath.Join(out, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := write(docs, out); err == nil || !strings.Contains(err.Error(), "something else") {
		t.Errorf("a folder with something else: %v", err)
	}
	own := filepath.Join(out, "site")
	for range 2 {
		if n, err := write(docs, own); n != 1 || err != nil {
			t.Errorf("%d pages, %v", n, err)
		}
		if _, err := os.Stat(filepath.Join(own, "old.html")); err == nil {
			t.Error("an old page stays")
		}
		if err := os.WriteFile(filepath.Join(own, "old.html"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
