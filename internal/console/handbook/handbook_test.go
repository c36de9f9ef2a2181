package handbook

import (
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"nems/docs"
)

const root = "/console/help/"

var target = regexp.MustCompile(`href="` + root + `([^"#]*)(?:#([^"]*))?"`)

// Every page is shown, and every link of one leads to a page and a heading.
func TestHandbook(t *testing.T) {
	b, err := Read(docs.Files, root, map[string]string{"operator-openapi.json": root + "api"})
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Pages) < 40 {
		t.Fatalf("only %d pages", len(b.Pages))
	}
	links := 0
	for _, p := range b.Pages {
		if len(p.HTML) < 100 || p.Title == "" || strings.Contains(string(p.HTML), "style=") || strings.Contains(string(p.HTML), "<h1") {
			t.Errorf("%s: %q, %d bytes, or a style or a first heading of its own", p.Name, p.Title, len(p.HTML))
		}
		for _, link := range target.FindAllStringSubmatch(string(p.HTML), -1) {
			links++
			to, known := b.Page(link[1])
			if !known && link[1] != "api" {
				t.Errorf("%s: %s leads to no page", p.Name, link[0])
			}
			if link[2] != "" && !strings.Contains(string(to.HTML), `id="`+link[2]+`"`) {
				t.Errorf("%s: %s leads to no heading", p.Name, link[0])
			}
		}
	}
	if links < 30 {
		t.Errorf("only %d links between pages", links)
	}
	if found := b.Find("QUOTAS"); len(found) == 0 {
		t.Error("nothing about quotas is found")
	}
	if found := b.Find(" "); found != nil {
		t.Error("no words find something")
	}
}

func TestMarkupIsLeftOut(t *testing.T) {
	b, err := Read(fstest.MapFS{"a.md": {Data: []byte("# A <script>alert(1)</script>\n\n<img src=x onerror=alert(1)>\n\n[x](javascript://alert%281%29)\n\n|a|\n|--:|\n|<b>|\n")}}, root, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "<img", "javascript:", "<b>", "style="} {
		if strings.Contains(string(b.Pages[0].HTML), bad) {
			t.Errorf("%s is on the page: %s", bad, b.Pages[0].HTML)
		}
	}
	if _, err := Read(fstest.MapFS{"a.md": {Data: []byte("[b](b.md)")}}, root, nil); err == nil {
		t.Error("a link that leads nowhere is not found")
	}
}
