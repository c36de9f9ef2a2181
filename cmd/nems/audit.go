package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"nems/internal/audit"
	"nems/internal/datafolder"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/plain"
)

// auditCmd reads the record of who did what, and verifies it.
type auditCmd struct {
	Show    showAudit    `cmd:"" help:"Show entries, filtered. The search itself is recorded."`
	Patient patientStory `cmd:"" help:"Tell all that happened about one patient, oldest first, with who and why. That you look is recorded."`
	Export  exportAudit  `cmd:"" help:"Print the chain as JSON lines, one line per commit, which verify can check on another machine."`
	Verify  verifyAudit  `cmd:"" help:"Check the chain of a database or an export: finds any change, removal and reordering, and anything cut off before the last checkpoint."`
	Key     auditKey     `cmd:"" help:"Make the key that signs checkpoints (--audit-key): FILE for the service, FILE.pub for verifying."`
}

type showAudit struct {
	From    instant `env:"-" help:"Not before this moment: RFC 3339, a date, or how long ago (36h)."`
	To      instant `env:"-" help:"Before this moment, in the same forms."`
	ASID    string  `name:"asid" env:"-" help:"By this system."`
	Patient string  `env:"-" help:"About this patient: an NHS number; - reads it from standard input, so that it does not appear in the shell's history."`
	Action  string  `env:"-" help:"With this action: publish, subscribe, read, delete, search, system-put, ..."`
	Outcome string  `env:"-" help:"With this outcome: ok, refused, or a Spine code such as ACCESS_DENIED."`
	Request string  `env:"-" help:"Of the request with this id: the X-Request-ID of its answer, request in the log."`
	Last    int     `default:"50" env:"-" help:"Show at most this many, the last ones; 0 shows all."`
	operated
	formatted
}

// Run prints the entries, oldest first; as JSON one per line.
func (s *showAudit) Run(ctx context.Context) error {
	f := operator.Filter{From: s.From.Time, To: s.To.Time, ASID: nhs.ASID(s.ASID), Patient: s.Patient, Action: audit.Action(s.Action), Outcome: s.Outcome, Request: s.Request}
	if s.Last < 0 || s.Last > mostLast {
		return fmt.Errorf("refused: last: expected 0 (all) to %d", mostLast)
	}
	if s.Patient == "-" {
		var err error
		if f.Patient, err = typedPatient(); err != nil {
			return err
		}
	}
	return s.with(func(d operator.Face) error {
		entries := found(ctx, d, f, s.Last)
		if s.Format == "json" {
			return printLines(entries)
		}
		var rows [][]string
		for r, err := range entries {
			if err != nil {
				return err
			}
			rows = append(rows, auditRow(r))
		}
		return printTable("AT ACTION STATUS OUTCOME ASID ODS WHO EVENT-TYPE PATIENT MAILBOX OBJECT", rows)
	})
}

// typedPatient reads an NHS number from standard input, which keeps it out of the
// shell's history and of the list of processes.
func typedPatient() (string, error) {
	typed, err := io.ReadAll(io.LimitReader(os.Stdin, 64))
	return strings.TrimSpace(string(typed)), err
}

// mostLast is the limit of --last, because that many entries are held in memory at once.
const mostLast = 100_000

// found yields the entries that a filter selects, oldest first: all of them, or
// the last last ones.
func found(ctx context.Context, d operator.Face, f operator.Filter, last int) iter.Seq2[operator.Record, error] {
	if last == 0 {
		return operator.Each(ctx, d, operator.SearchAudit, operator.Matching(f))
	}
	return func(yield func(operator.Record, error) bool) {
		f.Newest = true
		newest := operator.Matching(f)
		newest.Limit = min(last, operator.MaxLimit)
		var entries []operator.Record
		for r, err := range operator.Each(ctx, d, operator.SearchAudit, newest) {
			if err != nil {
				yield(r, err)
				return
			}
			if entries = append(entries, r); len(entries) == last {
				break
			}
		}
		for _, r := range slices.Backward(entries) {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// auditRow returns an entry as a row of the table.
func auditRow(r operator.Record) []string {
	status, who := "-", r.User
	if r.Status != 0 {
		status = strconv.Itoa(r.Status)
	}
	if who == "" {
		who = r.Certificate
	}
	action := string(r.Action)
	if r.Count > 1 {
		action += " x" + strconv.Itoa(r.Count)
	}
	cells := []string{r.At.UTC().Format("2006-01-02 15:04:05.000"), action, status}
	for _, text := range []string{r.Outcome, string(r.ASID), string(r.ODS), who, r.EventType, r.Patient, r.Mailbox, r.Object} {
		cells = append(cells, orDash(text))
	}
	return cells
}

type exportAudit struct {
	From instant `env:"-" help:"Not before this moment: RFC 3339, a date, or how long ago (36h). Exports of consecutive periods can be joined to one chain."`
	To   instant `env:"-" help:"Before this moment, in the same forms."`
	operated
}

// Run prints the chain.
func (e *exportAudit) Run(ctx context.Context) error {
	return e.with(func(d operator.Face) error {
		return printLines(operator.Each(ctx, d, operator.ExportChain, operator.Matching(operator.ChainFilter{From: e.From.Time, To: e.To.Time})))
	})
}

type auditKey struct {
	File string `arg:"" type:"path" help:"File for the private key."`
}

// Run makes the key.
func (k *auditKey) Run() error {
	if err := operator.MakeAuditKey(k.File); err != nil {
		return err
	}
	fmt.Fprintf(stdout(), "%s signs, %s.pub verifies: keep a copy of %[2]s.pub, and of the checkpoint file, on another host\n", k.File, k.File)
	return nil
}

type verifyAudit struct {
	Data     string   `default:"nems-data" type:"path" help:"Data folder of the service, which may be running."`
	Database string   `help:"Database, or a copy of one; default: nems.db in the data folder."`
	Export   []string `env:"-" help:"Verify exports instead, in their order; - is standard input."`
	checkpointFlags
	formatted
}

// Run verifies and fails when something is wrong.
func (v *verifyAudit) Run(ctx context.Context) error {
	// The checkpoints are read first, because those of a running service continue to grow.
	checkpoints, err := v.given()
	if err != nil {
		return err
	}
	links := datafolder.AuditLinks(ctx, v.Data, v.Database)
	if len(v.Export) > 0 {
		links = exported(v.Export)
	}
	report, err := checkpoints.verify(links)
	if err != nil {
		return err
	}
	if v.Format == "json" {
		err = printJSON(report)
	} else {
		printReport(report)
	}
	if err == nil && report.Found > 0 {
		err = errFailed
	}
	return err
}

// given returns the checkpoints to verify against. An export has none of its own.
func (v *verifyAudit) given() (checkpoints, error) {
	if len(v.Export) > 0 && v.Checkpoints == "" {
		return checkpoints{}, nil
	}
	return v.read(v.Data)
}

// checkpointFlags say where the checkpoints of a database are.
type checkpointFlags struct {
	Checkpoints string `type:"path" env:"-" help:"File of checkpoints, preferably the copy on another host; default: audit.checkpoints in the data folder, if it exists."`
	Key         string `type:"path" env:"-" help:"Key of the checkpoints; default: audit.key.pub in the data folder, if it exists."`
}

// read reads the file that the flags name, or the one in the data folder if it
// exists.
func (c *checkpointFlags) read(data string) (given checkpoints, err error) {
	file, key := c.Checkpoints, c.Key
	if key == "" {
		key = filepath.Join(data, "audit.key.pub")
	}
	switch {
	case file != "":
		given.due = file + " holds no checkpoint: expected the file that the service signs, or a copy of it"
	case !missing(key), !missing(filepath.Join(data, "audit.key")):
		given.due = "there is no checkpoint, although there is a key: the file was emptied or removed, or is somewhere else (--checkpoints), or the service has not run since the key was made"
	}
	if file == "" {
		if file = filepath.Join(data, "audit.checkpoints"); missing(file) {
			return given, nil
		}
	}
	public, err := operator.ReadAuditPublicKey(key)
	if err != nil {
		return given, fmt.Errorf("the key of the checkpoints (--key): %w", err)
	}
	f, err := os.Open(file)
	if err != nil {
		return given, err
	}
	defer f.Close()
	given.signed, err = audit.ReadCheckpoints(f, public)
	if errors.Is(err, audit.ErrTorn) {
		// The checkpoints before it are still used; the next one will replace it.
		fmt.Fprintf(stderr(), "%s: %v; it is left out\n", file, err)
		return given, nil
	}
	if err != nil {
		return given, fmt.Errorf("%s: %w", file, err)
	}
	return given, nil
}

// checkpoints are what links are verified against.
type checkpoints struct {
	signed []audit.Checkpoint
	due    string // what is wrong if none is signed; "" if none is needed
}

// verify verifies links. A missing checkpoint is a finding like any other:
// removing all checkpoints must not go unnoticed.
func (c checkpoints) verify(links iter.Seq2[audit.Link, error]) (audit.Report, error) {
	report, err := audit.Verify(links, c.signed)
	if err == nil && c.due != "" && len(c.signed) == 0 {
		report.Add(audit.Problem{Text: c.due})
	}
	return report, err
}

func missing(file string) bool {
	_, err := os.Stat(file)
	return errors.Is(err, fs.ErrNotExist)
}

// exported yields the links of exports, one file after the other.
func exported(files []string) iter.Seq2[audit.Link, error] {
	return func(yield func(audit.Link, error) bool) {
		for _, name := range files {
			in := io.NopCloser(os.Stdin)
			if name != "-" {
				f, err := os.Open(name)
				if err != nil {
					yield(audit.Link{}, err)
					return
				}
				in = f
			}
			for link, err := range operator.ReadChain(in) {
				if err != nil {
					err = fmt.Errorf("%s: %w", name, err)
				}
				if !yield(link, err) || err != nil {
					_ = in.Close()
					return
				}
			}
			_ = in.Close()
		}
	}
}

// printReport says in sentences what was found and what that proves.
func printReport(r audit.Report) {
	for _, p := range r.Problems {
		fmt.Fprintln(stdout(), plain.Line(fmt.Sprint(p)))
	}
	if more := r.Found - len(r.Problems); more > 0 {
		fmt.Fprintf(stdout(), "and %d more\n", more)
	}
	fmt.Fprintf(stdout(), "%d entries in %d links of %d chains: ", r.Entries, r.Links, r.Chains)
	switch {
	case r.Found > 0:
		fmt.Fprintf(stdout(), "%d things are wrong. Nothing is vouched for.\n", r.Found)
	case r.Checkpoints == 0:
		fmt.Fprintln(stdout(), "they are linked without a gap.\nNo checkpoint was given, so nothing is vouched for: a person who can write to the database can have rewritten all of it, or cut off its end.")
	default:
		fmt.Fprintf(stdout(), "nothing edited, removed, reordered or inserted.\nVouched for up to %s, the last of %d checkpoints.\n", r.Vouched.UTC().Format(time.RFC3339), r.Checkpoints)
		if b := r.Beyond; b.Links > 0 {
			fmt.Fprintf(stdout(), "Not vouched for: %d entries in %d links from %s to %s. They are linked without a gap, but no checkpoint names them: they can have been rewritten, and others can have been cut off after them.\n",
				b.Entries, b.Links, b.First.UTC().Format(time.RFC3339), b.Last.UTC().Format(time.RFC3339))
		}
	}
}
