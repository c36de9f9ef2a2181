package assure

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed report.html
var pageText string

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"class": func(v Verdict) string { return strings.ReplaceAll(string(v), " ", "-") },
	"join":  func(all []string) string { return strings.Join(all, ", ") },
	"at":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
	"clock": func(t time.Time) string { return t.UTC().Format("15:04:05.000") },
	"short": func(hash string) string { return hash[:min(16, len(hash))] },
	"plural": func(n int, noun string) string {
		return counted(n, noun)
	},
}).Parse(pageText))

// pageOf is what the page shows.
type pageOf struct {
	*Report
	SignedBy string
	// Counts are how many requirements have each verdict; Missed are the steps that were
	// not tested.
	Counts []verdictCount
	Groups []requirementGroup
}

type verdictCount struct {
	Verdict Verdict
	N       int
}

// requirementGroup is the requirements of one page of the specification.
type requirementGroup struct {
	Page string
	All  []RequirementResult
}

// HTML writes a report as a page that needs nothing else. signedBy is the fingerprint of
// the key that signed it.
func (r *Report) HTML(signedBy string) ([]byte, error) {
	p := pageOf{Report: r, SignedBy: signedBy}
	for _, v := range []Verdict{Pass, Fail, Observed, NotTested} {
		n := 0
		for _, q := range r.Requirements {
			if q.Verdict == v {
				n++
			}
		}
		p.Counts = append(p.Counts, verdictCount{v, n})
	}
	at := map[string]int{}
	for _, q := range r.Requirements {
		i, known := at[q.Page]
		if !known {
			i = len(p.Groups)
			at[q.Page], p.Groups = i, append(p.Groups, requirementGroup{Page: q.Page})
		}
		p.Groups[i].All = append(p.Groups[i].All, q)
	}
	var out bytes.Buffer
	err := page.Execute(&out, p)
	return out.Bytes(), err
}

// browsers are the names under which Chromium is installed.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell"}

// ErrNoBrowser says that there is no Chromium to print with.
var ErrNoBrowser = errors.New("there is no PDF, because Chromium is not installed; NEMS_CHROMIUM names it")

// printWithin is how long printing may take.
const printWithin = time.Minute

// PDF has Chromium print a page that lies in a file.
func PDF(ctx context.Context, html, pdf string) error {
	program := ""
	for _, name := range append([]string{os.Getenv("NEMS_CHROMIUM")}, browsers...) {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			program = path
			break
		}
	}
	if program == "" {
		return ErrNoBrowser
	}
	html, err := filepath.Abs(html)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, printWithin)
	defer cancel()
	profile, err := os.MkdirTemp("", "nems-print-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(profile)
	arguments := []string{"--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer", "--user-data-dir=" + profile, "--print-to-pdf=" + pdf}
	if os.Getuid() == 0 { // Chromium's sandbox refuses to run as root
		arguments = append(arguments, "--no-sandbox")
	}
	said, err := exec.CommandContext(ctx, program, append(arguments, (&url.URL{Scheme: "file", Path: html}).String())...).CombinedOutput() //nolint:gosec // a browser that is installed
	if _, missing := os.Stat(pdf); err != nil || missing != nil {
		return fmt.Errorf("printing with %s: %w: %s", filepath.Base(program), errors.Join(err, missing), lastLine(said))
	}
	return nil
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}
