package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"nems/internal/assure"
	"nems/internal/operator"
)

// write writes the report in all its forms.
func (p *assurePublisher) write(ctx context.Context, r *assure.Report, show *assureProgress) error {
	path, err := p.key()
	if err != nil {
		return err
	}
	key, err := operator.ReadAuditKey(path)
	if err != nil {
		return err
	}
	record, err := assure.Sign(r, key)
	if err != nil {
		return err
	}
	html, err := r.HTML(assure.Fingerprint(key.Public().(ed25519.PublicKey)))
	if err != nil {
		return err
	}
	junit, err := r.JUnit()
	if err != nil {
		return err
	}
	in := func(name string) string { return filepath.Join(p.Out, name) }
	for _, file := range []struct {
		name string
		text []byte
	}{{"report.json", record}, {"report.html", html}, {"junit.xml", junit}} {
		if err := os.WriteFile(in(file.name), file.text, 0o644); err != nil { //nolint:gosec // a report is to be read
			return err
		}
	}
	show.end(r)
	printed := assure.PDF(ctx, in("report.html"), in("report.pdf"))
	fmt.Fprintf(show.out, "\n%s\n%s\n%s\n", in("report.json"), in("report.html"), in("junit.xml"))
	if printed == nil {
		fmt.Fprintln(show.out, in("report.pdf"))
	} else {
		fmt.Fprintln(stderr(), "nems:", printed)
	}
	return nil
}

// assureProgress tells how a test goes: for people with colours, for a pipe in plain
// lines.
type assureProgress struct {
	out    io.Writer
	colour bool
	began  time.Time
}

func newAssureProgress(out io.Writer, colour bool) *assureProgress {
	return &assureProgress{out: out, colour: colour}
}

// begin says where the service is.
func (a *assureProgress) begin(s *assure.Service, plan *assure.Plan, d assure.Declared) {
	fmt.Fprintf(a.out, "%s: %s %s of %s\n\nPoint your system to %s (publish to %s/STU3/Events/1/$process-message).\n", plan.Title, d.Product, d.Version, d.Supplier, s.URL, s.URL)
	fmt.Fprintf(a.out, "It is ASID %s of %s; toASID is 111111111111. PDS is at %s/personal-demographics/FHIR/R4.\n", d.ASID, d.ODS, s.URL)
	if s.Authority != "" {
		fmt.Fprintf(a.out, "Its authority is %s; a certificate for your system is %s, with the key %s.\n", s.Authority, s.Client, s.ClientKey)
	}
}

// step shows a step before and after.
func (a *assureProgress) step(n, of int, s *assure.Step, done *assure.StepResult) {
	if done == nil {
		a.began = time.Now()
		fmt.Fprintf(a.out, "\n[%d/%d] %s  (%s)\n        %s\n", n, of, s.Title, s.ID, s.Ask)
		return
	}
	a.verdict("        ", done.Verdict, fmt.Sprintf("%s in %s", done.ID, time.Since(a.began).Round(100*time.Millisecond)))
	if done.Note != "" {
		fmt.Fprintf(a.out, "          %s\n", done.Note)
	}
	for _, c := range done.Checks {
		for _, wrong := range c.Wrong {
			fmt.Fprintf(a.out, "          %s: %s\n", c.Name, wrong)
		}
	}
}

// verdict prints one, coloured where there are colours. The text goes its own way, since
// it may come from outside.
func (a *assureProgress) verdict(indent string, v assure.Verdict, text string) {
	sign := map[assure.Verdict]mark{assure.Pass: tick, assure.Fail: cross}[v]
	lines := []marked{{sign, len(indent), string(v) + "  " + text}}
	if a.colour {
		_ = printMarked(lines)
		return
	}
	fmt.Fprint(a.out, markedText(lines, false))
}

// end sums up.
func (a *assureProgress) end(r *assure.Report) {
	counts := map[assure.Verdict]int{}
	for _, q := range r.Requirements {
		counts[q.Verdict]++
	}
	fmt.Fprintln(a.out)
	a.verdict("", r.Verdict, fmt.Sprintf("%d findings in %d steps and %d requests", len(r.Findings), len(r.Steps), len(r.Exchanges)))
	fmt.Fprintf(a.out, "Requirements: %d pass, %d fail, %d observed, %d not tested\n", counts[assure.Pass], counts[assure.Fail], counts[assure.Observed], counts[assure.NotTested])
	for _, f := range r.Findings {
		fmt.Fprintf(a.out, "  %s %v %s: %s\n", f.Verdict, f.Requirements, f.Check, f.Text)
	}
}

// assureVerify checks a report.
type assureVerify struct {
	Report string `arg:"" type:"existingfile" help:"report.json of a test."`
	Key    string `type:"existingfile" env:"-" placeholder:"FILE" help:"Public key (PEM) that must have signed it; default: the one in the report, which shows only that nothing was changed since."`
}

// Run says whose signature it is and what the report says; it fails if the signature does
// not fit.
func (v *assureVerify) Run() error {
	text, err := os.ReadFile(v.Report)
	if err != nil {
		return err
	}
	var key ed25519.PublicKey
	if v.Key != "" {
		if key, err = operator.ReadAuditPublicKey(v.Key); err != nil {
			return err
		}
	}
	r, by, err := assure.Verify(text, key)
	if errors.Is(err, assure.ErrSignature) && v.Key != "" {
		return fmt.Errorf("%s: %w (%s)", v.Report, err, v.Key)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", v.Report, err)
	}
	fmt.Fprintf(stdout(), "unchanged since it was signed by the key %s\n", by)
	if key == nil {
		fmt.Fprintln(stdout(), "That key is in the report itself: compare it with the signer's, or give it with --key.")
	}
	fmt.Fprintf(stdout(), "%s %s of %s, %s: %s, %d findings\n", r.Declared.Product, r.Declared.Version, r.Declared.Supplier, r.Started.UTC().Format(time.RFC3339), r.Verdict, len(r.Findings))
	return nil
}
