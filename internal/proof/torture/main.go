//go:build linux

// Command torture shows that nothing is lost. It boots real nems processes,
// publishes and collects, injects one fault after the other, heals, and
// compares what arrived with a ledger of everything that was acknowledged. It
// prints one table, and exits with 1 when an invariant is broken. The
// invariants: 0 acknowledged events lost, 0 copies missing, 0 copies of refused
// events, bytes equal, the audit verifies.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"nems/internal/pgserver"
)

// options are the options of the command line.
type options struct {
	seconds int
	only    string
	seed    uint64
	json    bool
	binary  string
	store   string
	// hosted leaves out the mailboxes at another MESH, because a process that
	// was killed keeps its claims for two minutes.
	hosted bool
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		os.Exit(serveClocked(os.Args[1:])) // a node whose clock this program sets
	}
	var o options
	flag.StringVar(&o.store, "store", both, "the store of the nodes: sqlite, postgres (two nodes) or both")
	flag.IntVar(&o.seconds, "seconds", 120, "how long faults are injected; healing and collecting take additional time")
	flag.StringVar(&o.only, "only", "", "only these faults, separated by commas: "+strings.Join(names(everything()), ", "))
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "seed of the random choices")
	flag.BoolVar(&o.json, "json", false, "print the table as JSON")
	flag.StringVar(&o.binary, "nems", "", "the program to torture; built when empty")
	flag.Parse()
	rows, err := torture(o, os.Stderr)
	if printing := show(os.Stdout, rows, o.json); err == nil {
		err = printing
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

// row is a line of the table.
type row struct {
	Store        string        `json:"store"`
	Fault        string        `json:"fault"`
	Rounds       int           `json:"rounds"`
	Acknowledged int           `json:"acknowledged"` // events answered 202
	Lost         int           `json:"lost"`         // of those, without any copy
	Missing      int           `json:"missing"`      // copies
	Doubled      int           `json:"doubled"`      // copies beyond the first
	Repeated     int           `json:"repeated"`     // of those, in mailboxes of its own
	Wrong        int           `json:"wrong"`        // copies of refused events or with other bytes, and wrong answers to messages
	Unheard      int           `json:"unheard"`      // events that were stored although their publisher got no answer
	Slowest      time.Duration `json:"slowest"`      // recovery
	Note         string        `json:"note,omitempty"`
}

// broken reports whether the row breaks an invariant. Another MESH may get a
// copy twice: when its answer is lost, it cannot be known whether it has the
// copy.
func (r row) broken() bool { return r.Lost+r.Missing+r.Wrong+r.Repeated > 0 }

// note adds to the remarks on the row.
func (r *row) note(more string) {
	if r.Note != "" && more != "" {
		r.Note += "; "
	}
	r.Note += more
}

var errBroken = errors.New("an invariant is broken")

// torture runs the faults that o selects.
func torture(o options, progress io.Writer) ([]row, error) {
	chosen, err := choose(o)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "nems-torture-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	if o.binary == "" {
		o.binary = filepath.Join(folder, "nems")
		build := exec.Command("go", "build", "-o", o.binary, "nems/cmd/nems")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return nil, fmt.Errorf("building nems: %w", err)
		}
	}
	fmt.Fprintf(progress, "seed %d\n", o.seed)
	count := 0
	for _, some := range chosen {
		count += len(some.faults)
	}
	var rows []row
	var wrong []error
	for _, some := range chosen {
		r := &run{options: o, progress: progress, folder: filepath.Join(folder, some.store), each: time.Duration(o.seconds) * time.Second / time.Duration(count)}
		r.store = some.store
		if err := os.Mkdir(r.folder, 0o700); err != nil {
			return rows, err
		}
		more, err := r.all(some.faults)
		for i := range more {
			more[i].Store = some.store
		}
		rows, wrong = append(rows, more...), append(wrong, named(some.store, err))
	}
	if _, missing := pgserver.Find(); missing != nil && o.store == both {
		rows = append(rows, row{Store: onPostgres, Fault: "all", Note: "cannot run here: " + missing.Error()})
	}
	return rows, errors.Join(wrong...)
}

// all runs the faults one after the other. Those that share a deployment run together.
func (r *run) all(chosen []fault) ([]row, error) {
	var rows []row
	var wrong []error
	shared := chosen[:0:0]
	for _, f := range chosen {
		if f.alone != nil {
			line, err := f.alone(r)
			line.Fault = f.name
			rows, wrong = append(rows, line), append(wrong, named(f.name, err))
			r.tell(line, err)
		} else {
			shared = append(shared, f)
		}
	}
	if len(shared) > 0 {
		more, err := r.together(shared)
		rows, wrong = append(rows, more...), append(wrong, err)
	}
	for _, line := range rows {
		if line.broken() {
			wrong = append(wrong, named(line.Fault, errBroken))
		}
	}
	return rows, errors.Join(wrong...)
}

func (r *run) tell(line row, err error) {
	fmt.Fprintf(r.progress, "%s: %d rounds, %d acknowledged %s %v\n", line.Fault, line.Rounds, line.Acknowledged, line.Note, cmp.Or(err, errors.New("")))
}

// named adds to an error the fault that it belongs to.
func named(fault string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fault, err)
}

// run is one run of the program.
type run struct {
	options
	folder   string
	progress io.Writer
	each     time.Duration // time for one fault
	dice     *rand.Rand
}

// fault is one thing that goes wrong. Exactly one of its functions is set.
type fault struct {
	name string
	// round injects the fault once under load, and heals it.
	round func(dep *deployment) error
	// within is how long recovery may take; 0 means recoverWithin.
	within time.Duration
	// most is the largest number of rounds; 0 means as many as there is time for.
	most int
	// orderly: no publisher may be left without an answer for what was stored.
	orderly bool
	// alone runs the fault in a deployment of its own.
	alone func(r *run) (row, error)
}

// The values of -store.
const (
	onSQLite   = "sqlite"
	onPostgres = "postgres"
	both       = "both"
)

// choice is what is run on a store.
type choice struct {
	store  string
	faults []fault
}

// everything yields all faults, those of one store after those of the other.
func everything() iter.Seq[fault] {
	return func(yield func(fault) bool) {
		for _, f := range slices.Concat(faults, postgresFaults) {
			if !yield(f) {
				return
			}
		}
	}
}

// names lists the names of faults, each once.
func names(all iter.Seq[fault]) []string {
	var out []string
	for f := range all {
		if !slices.Contains(out, f.name) {
			out = append(out, f.name)
		}
	}
	return out
}

// choose returns the selected faults. Without PostgreSQL, both means SQLite
// alone.
func choose(o options) ([]choice, error) {
	var only []string
	if o.only != "" {
		only = strings.Split(o.only, ",")
	}
	known := names(everything())
	for _, name := range only {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("-only %s: there is no such fault", name)
		}
	}
	_, missing := pgserver.Find()
	var chosen []choice
	for _, c := range []choice{{onSQLite, faults}, {onPostgres, postgresFaults}} {
		if o.store != c.store && o.store != both || o.store == both && c.store == onPostgres && missing != nil {
			continue
		}
		c.faults = slices.DeleteFunc(slices.Clone(c.faults), func(f fault) bool { return len(only) > 0 && !slices.Contains(only, f.name) })
		if len(c.faults) > 0 {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("-store %s: there is nothing to do", o.store)
	}
	return chosen, nil
}

// show prints the table.
func show(to io.Writer, rows []row, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(to).Encode(rows)
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "store\tfault\trounds\tacknowledged\tlost\tmissing\tdoubled\twrong\tslowest recovery\t")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t\n", r.Store, r.Fault, r.Rounds, r.Acknowledged, r.Lost, r.Missing, r.Doubled, r.Wrong, r.Slowest.Round(time.Millisecond))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range rows {
		if r.Note != "" {
			fmt.Fprintf(to, "%s, %s: %s\n", r.Store, r.Fault, r.Note)
		}
	}
	return nil
}
