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

// console is a place as the console's.
func console(others ...string) Place {
	return Place{Others: others, URL: func(_, file string) string {
		if file == "operator-openapi.json" {
			return root + "api"
		}
		return root + strings.TrimSuffix(file, ".md")
	}}
}

// Every page is shown, and every link of one leads to a page and a heading.
func TestHandbook(t *testing.T) {
	b, err := Read(docs.Files, console("operator-openapi.json"))
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
	b, err := Read(fstest.MapFS{"a.md": {Data: []byte("# A <script>alert(1)</script>\n\n<img src=x onerror=alert(1)>\n\n[x](javascript://alert%281%29)\n\n|a|\n|--:|\n|<b>|\n")}}, console())
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "<img", "javascript:", "<b>", "style="} {
		if strings.Contains(string(b.Pages[0].HTML), bad) {
			t.Errorf("%s is on the page: %s", bad, b.Pages[0].HTML)
		}
	}
}

func TestMistakesOfAuthors(t *testing.T) {
	for source, want := range map[string]string{
		"[b](b.md)":            "leads nowhere",
		"# A\n[b](#b)":         "no heading #b",
		"![b](pictures/b.png)": "leads nowhere",
		"```mermaid\npie\n```": "flowchart TB",
		"```mermaid\nflowchart LR\n a b --> c\n```":          `"a b"`,
		"```mermaid\nflowchart LR\n a[\"x\"] --> b(x\n```\n": `"b(x"`,
	} {
		if _, err := Read(fstest.MapFS{"a.md": {Data: []byte(source)}}, console()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", source, err)
		}
	}
	for order, want := range map[string]string{
		"- {title: A, pages: [a, b]}": "no page",
		"- {title: A, pages: [a, a]}": "there already",
		"- {title: A, pages: []}":     "a is in no section",
		"- {tilte: A, pages: [a]}":    "tilte",
	} {
		if _, err := Read(fstest.MapFS{"a.md": {Data: []byte("# A")}, "contents.yaml": {Data: []byte(order)}}, console()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", order, err)
		}
	}
}

// Boxes of a flowchart lie side by side, below those that lead to them, and every
// arrow is drawn.
func TestFlowchart(t *testing.T) {
	f, err := readFlowchart("flowchart TB\n a[\"one — of three\"] --> b --> d\n a --> c --> d\n a -. later .-> d([end])\n")
	if err != nil {
		t.Fatal(err)
	}
	drawn := f.svg()
	if got := strings.Count(drawn, "<polygon"); got != 5 || strings.Count(drawn, "<rect") != 4 || !strings.Contains(drawn, ">one — of three<") || !strings.Contains(drawn, ">later<") {
		t.Errorf("%d arrows: %s", got, drawn)
	}
	for i, one := range f.boxes {
		if one.across-one.wide/2 < 0 || one.along-one.long/2 < 0 {
			t.Errorf("%s is outside", one.id)
		}
		for _, other := range f.boxes[:i] {
			if abs(one.across-other.across) < (one.wide+other.wide)/2 && abs(one.along-other.along) < (one.long+other.long)/2 {
				t.Errorf("%s lies on %s", one.id, other.id)
			}
		}
	}
	for _, e := range f.edges {
		if e.from.along >= e.to.along {
			t.Errorf("%s is not above %s", e.from.id, e.to.id)
		}
	}
}

func abs(x float64) float64 { return max(x, -x) }
