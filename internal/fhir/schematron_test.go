package fhir

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// saxon checks XML with HL7's Schematron, in two ways: at the contexts that HL7
// lists, and at every element of the types to which we bind an invariant.
type saxon struct{ jar string }

func findSaxon(t testing.TB) saxon {
	t.Helper()
	if _, err := exec.LookPath("java"); err != nil {
		t.Skip("java is not installed: nothing to hold the invariants against")
	}
	jar := os.Getenv("NEMS_SAXON")
	if jar == "" {
		jar = "/usr/share/java/Saxon-HE.jar" // Debian's libsaxonhe-java
	}
	if _, err := os.Stat(jar); err != nil {
		t.Skip("Saxon-HE is not installed (NEMS_SAXON names its jar): nothing to hold the invariants against")
	}
	return saxon{jar}
}

// failure is an invariant that does not hold at a node.
type failure struct {
	id   string
	node int
}

// failures of one document, in both ways.
type failures struct{ published, bound map[failure]bool }

// judge runs the stylesheet over all documents in one process.
func (x saxon) judge(t *testing.T, docs []*Document) []failures {
	t.Helper()
	dir := t.TempDir()
	for i, d := range docs {
		write(t, filepath.Join(dir, strconv.Itoa(i)+".xml"), annotated(d))
	}
	sheet := filepath.Join(t.TempDir(), "invariants.xsl")
	write(t, sheet, stylesheet(t))
	output, err := exec.Command("java", "-Xss16m", "-cp", x.jar, "net.sf.saxon.Transform", "-it:main", "-xsl:"+sheet, "folder=file://"+dir).Output()
	if err != nil {
		text := ""
		if failed, is := err.(*exec.ExitError); is {
			text = string(failed.Stderr)
		}
		t.Fatalf("saxon: %v\n%.3000s", err, text)
	}
	found := make([]failures, len(docs))
	for i := range found {
		found[i] = failures{map[failure]bool{}, map[failure]bool{}}
	}
	for line := range strings.Lines(string(output)) {
		var file, node int
		var way, id string
		if _, err := fmt.Sscanf(line, "%d.xml %s %s %d", &file, &way, &id, &node); err != nil {
			t.Fatalf("saxon: %q: %v", line, err)
		}
		set := found[file].published
		if way == "bound" {
			set = found[file].bound
		}
		set[failure{id, node}] = true
	}
	return found
}

func write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// annotated adds to each element its type and the number of its node.
// Narratives are left unchanged, because an invariant is about their
// attributes.
func annotated(d *Document) []byte {
	var out bytes.Buffer
	done := 0
	for i, n := range d.nodes {
		if n.typ == typeXHTML {
			continue
		}
		end := int(n.start) + bytes.IndexAny(d.src[n.start:], " \t\r\n/>")
		out.Write(d.src[done:end])
		fmt.Fprintf(&out, ` xmlns:j="urn:judge" j:n="%d"`, i)
		if len(d.facts.invariants[n.typ]) > 0 {
			fmt.Fprintf(&out, ` j:%s=""`, d.facts.types[n.typ].name)
		}
		done = end
	}
	out.Write(d.src[done:])
	return out.Bytes()
}

const stylesheetHead = `<xsl:stylesheet version="3.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:f="http://hl7.org/fhir" xmlns:h="http://www.w3.org/1999/xhtml" xmlns:j="urn:judge">
<xsl:output method="text"/>
<xsl:param name="folder"/>
<xsl:mode name="element" on-no-match="shallow-skip"/><xsl:mode name="extension" on-no-match="shallow-skip"/>
<xsl:mode name="published" on-no-match="shallow-skip"/><xsl:mode name="bound" on-no-match="shallow-skip"/>
<xsl:template name="main"><xsl:for-each select="uri-collection($folder || '?select=*.xml')">
<xsl:variable name="file" select="tokenize(., '/')[last()]"/>
<xsl:variable name="source" select="doc(.)"/>
<xsl:apply-templates select="$source" mode="element"><xsl:with-param name="file" select="$file" tunnel="yes"/></xsl:apply-templates>
<xsl:apply-templates select="$source" mode="extension"><xsl:with-param name="file" select="$file" tunnel="yes"/></xsl:apply-templates>
<xsl:apply-templates select="$source" mode="published"><xsl:with-param name="file" select="$file" tunnel="yes"/></xsl:apply-templates>
<xsl:apply-templates select="$source//@j:*" mode="bound"><xsl:with-param name="file" select="$file" tunnel="yes"/></xsl:apply-templates>
</xsl:for-each></xsl:template>
`

// stylesheet makes one template for each resource, with HL7's contexts inside
// it, and one for each type. (With one template for each context, Saxon would
// try a thousand for each period.)
func stylesheet(t *testing.T) []byte {
	var out bytes.Buffer
	out.WriteString(stylesheetHead)
	for match, facts := range publishedFacts(t) {
		mode := "published"
		switch match {
		case "*":
			mode = "element"
		case "extension", "modifierExtension":
			mode = "extension"
		}
		template(&out, "f:"+match, mode, "published", facts)
	}
	for typ, facts := range boundFacts(t) {
		template(&out, "@j:"+typ, "bound", "bound", facts)
	}
	out.WriteString("</xsl:stylesheet>")
	return out.Bytes()
}

func template(out *bytes.Buffer, match, mode, way string, facts []fact) {
	fmt.Fprintf(out, `<xsl:template match="%s" mode="%s"><xsl:param name="file" tunnel="yes"/>`, match, mode)
	for _, a := range facts {
		fmt.Fprintf(out, `<xsl:for-each select="%s"><xsl:if test="not(`, a.at)
		_ = xml.EscapeText(out, []byte(a.test))
		fmt.Fprintf(out, `)"><xsl:value-of select="$file || ' %s %s ' || (@j:n, ../@j:n)[1] || '&#10;'"/></xsl:if></xsl:for-each>`, way, a.id)
	}
	fmt.Fprintf(out, "<xsl:apply-templates mode=\"%s\"/></xsl:template>\n", mode)
}

var contextName = regexp.MustCompile(`[A-Za-z0-9]+|\*`)

// pattern adds the prefixes again.
func pattern(context string) string {
	return contextName.ReplaceAllStringFunc(context, func(name string) string {
		if name == "div" {
			return "h:div"
		}
		return "f:" + name
	})
}

// fact is a test of schematron.txt or invariants.txt, with the path to where it
// applies.
type fact struct{ id, test, at string }

// publishedFacts returns the invariants as HL7 publishes them, by the first
// name of their contexts.
func publishedFacts(t *testing.T) map[string][]fact {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("gen", "schematron.txt"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]fact{}
	var id, test string
	for line := range strings.Lines(string(source)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch {
		case line[0] == '#':
		case line[0] != '\t':
			id, test = fields[0], fields[1]
		case id == "obs-7" || strings.Contains(line, "@url"): // faulty
		default:
			first, _, _ := strings.Cut(fields[1], "/")
			var places []string
			for _, context := range fields[1:] {
				places = append(places, strings.TrimSuffix("./"+pattern(strings.TrimPrefix(strings.TrimPrefix(context, first), "/")), "/"))
			}
			all[first] = append(all[first], fact{id, test, strings.Join(places, " | ")})
		}
	}
	return all
}

// boundFacts returns the invariants by type, as we bind them, including those
// of the base types.
func boundFacts(t *testing.T) map[string][]fact {
	t.Helper()
	base := map[string]string{}
	for _, found := range regexp.MustCompile(`(?m)^type\t(\S+)\t(\S*)$`).FindAllStringSubmatch(stu3, -1) {
		base[found[1]] = found[2]
	}
	own := map[string][]fact{}
	for line := range strings.Lines(invariantFacts) {
		fields := strings.Split(line, "\t")
		if line[0] != '#' && !slices.Contains(judgedWhileReading, fields[1]) {
			typ, element, _ := strings.Cut(fields[0], "/")
			own[typ] = append(own[typ], fact{fields[1], fields[2], strings.TrimSuffix("../f:"+element, "/f:")})
		}
	}
	all := map[string][]fact{}
	for typ := range base {
		for at := typ; at != ""; at = base[at] {
			all[typ] = append(all[typ], own[at]...)
		}
		if len(all[typ]) == 0 {
			delete(all, typ)
		}
	}
	return all
}
