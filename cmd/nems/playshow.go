package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"nems/internal/plain"
	"nems/internal/play"
)

// playProgress shows how far a play is: a bar on a terminal, else a line for each
// day.
type playProgress struct {
	bar *progress
	day string
}

func newPlayProgress(name string) *playProgress {
	return &playProgress{bar: newProgress(plain.Line(name), 0)}
}

// step is told before each step.
func (p *playProgress) step(step, steps int, at time.Time) {
	day := at.UTC().Format("Mon 2 Jan 2006")
	if p.bar != nil {
		p.bar.what, p.bar.all = day, int64(steps)
		p.bar.set(int64(step))
	} else if day != p.day {
		fmt.Fprintf(stderr(), "%s: from step %d of %d\n", day, step, steps)
	}
	p.day = day
}

func (p *playProgress) say(text string) {
	p.bar.clear()
	fmt.Fprintln(stderr(), "nems:", text)
}

func (p *playProgress) done() {
	p.bar.clear()
}

// show prints a summary, or what there is to play.
func (p *playCmd) show(result any) error {
	if p.Format == "json" {
		return printJSON(result)
	}
	switch r := result.(type) {
	case *play.Summary:
		return showSummary(r)
	case *play.Checked:
		return showChecked(r)
	}
	return nil
}

// copiesExpire is how long copies wait in a mailbox (MESH).
const copiesExpire = 5 * 24 * time.Hour

func showSummary(s *play.Summary) error {
	var rows [][]string
	for _, e := range s.Events {
		rows = append(rows, []string{e.EventType, strconv.Itoa(e.Made), strconv.Itoa(e.Accepted), strconv.Itoa(e.Withheld), strconv.Itoa(e.Refused), strconv.FormatInt(e.Copies, 10)})
	}
	if len(rows) > 0 {
		if err := printTable("EVENT MADE ACCEPTED WITHHELD REFUSED COPIES", rows); err != nil {
			return err
		}
		fmt.Fprintln(stdout())
	}
	fmt.Fprintf(stdout(), "%s: %d of %d steps in %s.", plain.Line(s.Name), s.Done, s.Steps, time.Duration(s.Took*float64(time.Second)).Round(10*time.Millisecond))
	if s.Changes > 0 {
		fmt.Fprintf(stdout(), " %d changes of records, %d of them without an event.", s.Changes, s.Silent)
	}
	if s.Retries > 0 {
		fmt.Fprintf(stdout(), " Sent again: %d.", s.Retries)
	}
	fmt.Fprintln(stdout())
	if passed := s.Until.Sub(s.Start); passed > copiesExpire {
		fmt.Fprintf(stdout(), "%d days have passed for the service: copies that nobody collected for 5 days have expired, and events older than its retention (30 days by default) are removed. --until stops earlier.\n", int(passed.Hours()/24))
	}
	showFaults("Faults", s.Faults)
	if s.Next > 0 {
		fmt.Fprintf(stdout(), "--from %d goes on.\n", s.Next)
	}
	return nil
}

// faultWords say what was done.
var faultWords = map[string]string{
	"duplicate": "sent twice", "reorder": "sent after the next one of their patient", "delay": "sent late", "gap": "never sent",
	"corrupt": "sent broken before, and refused", "refuse": "sent again after a 503", "lost-202": "sent again because the answer was lost",
}

func showFaults(what string, faults map[string]int) {
	var said []string
	for _, name := range play.FaultNames {
		if n := faults[name]; n > 0 {
			said = append(said, fmt.Sprintf("%d %s", n, faultWords[name]))
		}
	}
	if len(said) > 0 {
		fmt.Fprintf(stdout(), "%s in the whole play: %s.\n", what, strings.Join(said, ", "))
	}
}

func showChecked(c *play.Checked) error {
	var rows [][]string
	for _, d := range c.Deeds {
		rows = append(rows, []string{d.Deed, d.Event, strconv.Itoa(d.Count)})
	}
	if err := printTable("DEED MESSAGE COUNT", rows); err != nil {
		return err
	}
	fmt.Fprintf(stdout(), "\n%s: %d steps", plain.Line(c.Name), c.Steps)
	if c.Steps > 0 {
		fmt.Fprintf(stdout(), ", from %s to %s", c.First.Format(time.RFC3339), c.Last.Format(time.RFC3339))
	}
	fmt.Fprintf(stdout(), "; %d patients are there from the beginning. Nothing was played.\n", c.Patients)
	showFaults("Faults", c.Faults)
	return nil
}
