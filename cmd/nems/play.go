package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"nems/client"
	"nems/internal/directory/devworld"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/play"
	"nems/internal/scenario"
	"nems/internal/world"
)

// playCmd lets a scenario happen to a development service.
type playCmd struct {
	What string `arg:"" optional:"" name:"scenario" help:"Name of a scenario that comes with the program (--list), a file of your own, or a recording."`
	List bool   `env:"-" help:"List the scenarios that come with the program."`

	Week     bool    `env:"-" help:"Instead of a scenario: what happens in the nation, scaled to the people of the world."`
	Days     int     `default:"7" env:"-" help:"With --week: how many days."`
	Multiple float64 `default:"1" env:"-" help:"With --week: so many times as much happens as in the nation."`
	World    string  `type:"existingfile" env:"-" placeholder:"FILE" help:"The people, as nems world writes them; default with --week: 500 invented ones."`
	Seed     *uint64 `env:"-" help:"Another seed chooses otherwise what is left open. The same seed makes the same bytes. Default: 1; with --record a secret one."`
	Start    string  `env:"-" placeholder:"DATE" help:"Day 0 (YYYY-MM-DD) of a scenario that does not name it; default: the world's day, or 2026-01-05."`

	Speed     float64 `env:"-" help:"Let time pass so many times faster than on the wall; default: as fast as possible."`
	Until     string  `env:"-" placeholder:"MOMENT" help:"Play what happens before: 2026-03-02, 2026-03-02T09:00:00Z, or day 5."`
	From      int     `env:"-" placeholder:"N" help:"Begin with step N: goes on where a play stopped."`
	KeepGoing bool    `name:"keep-going" env:"-" help:"Go on when the service refuses something."`
	Back      bool    `env:"-" help:"Let the service's clock go back to the beginning although it has events."`
	Faults    string  `env:"-" placeholder:"LIST" help:"What goes wrong on the way, such as duplicate=1%,reorder=5%,delay=10m,gap=2%,corrupt=1%,refuse=1%,lost-202=1%."`
	Check     bool    `env:"-" help:"Work everything out, show what there is to play, and play nothing."`

	recordingFlags
	operated
	formatted
}

// Help tells what a play is.
func (*playCmd) Help() string {
	return `Needs a service that runs with nems serve --dev. A play sets its clock to the beginning, loads the records of those who are there, and then lets everything happen at its moment: changes of records at the service's demographics, which make the events of the Spine, and messages that providers publish. Afterwards the clock runs on from there (nems clock).

  nems play --list
  nems play family-moves
  nems play my.yaml --check
  nems play --week --world world.yaml --speed 10000
  nems play busy-day --faults duplicate=2%,reorder=5%,lost-202=1%

Everything is worked out before the first deed, and every mistake is reported with its line and column. If the service refuses something, the play stops there and says how to go on. Ctrl-C stops it, too.

  nems play --record ward.recording --mailbox MAILBOX1234
  nems play ward.recording

The first copies what waits in a mailbox, without its patients: names, numbers, dates of birth and addresses are replaced by those of nobody. The second plays it again. docs/scenarios.md has the rest.`
}

// Run plays.
func (p *playCmd) Run(ctx context.Context) error {
	if p.List {
		return p.list()
	}
	if p.Record != "" {
		return p.record(ctx)
	}
	faults, err := play.ParseFaults(p.Faults)
	if err != nil {
		return fmt.Errorf("--%w", err)
	}
	plan, err := p.plan()
	if err != nil {
		return err
	}
	o := play.Options{Seed: p.seed(), Faults: faults, Speed: p.Speed, From: p.From, KeepGoing: p.KeepGoing, Back: p.Back}
	if p.Speed < 0 || p.From < 0 {
		return errors.New("--speed and --from: expected a number above 0")
	}
	if o.Until, err = p.until(plan.Start); err != nil {
		return err
	}
	if p.Check {
		return p.show(plan.Check(o))
	}
	return p.with(func(f operator.Face) error {
		asked, running := f.(*operator.Client)
		if !running {
			return errors.New("no service runs on this data folder: start it with nems serve --dev")
		}
		return p.play(ctx, plan, o, asked)
	})
}

// play plays on a service that runs.
func (p *playCmd) play(ctx context.Context, plan *play.Plan, o play.Options, desk *operator.Client) error {
	system := func(asid, ods string) play.Client {
		return play.Client{Client: &client.Client{URL: desk.Access.URL, ASID: asid, ODS: ods, NEMS: string(devworld.NEMS), HTTP: desk.HTTP}}
	}
	d := play.Desk{Face: desk}
	s := play.Service{Clock: d, Demographics: d, Counter: d, Provider: system(provider.ASID, provider.ODS), Spine: system("477121000323", "X26")}
	show := newPlayProgress(plan.Name)
	o.Progress = show.step
	o.Refused = func(err error) { show.say(err.Error()) }
	began := time.Now()
	sum, err := plan.Play(ctx, s, o)
	show.done()
	if sum != nil && (err == nil || sum.Done > 0) {
		sum.Took = time.Since(began).Round(time.Millisecond).Seconds()
		err = errors.Join(err, p.show(sum))
	}
	if err == nil && sum.Refused > 0 {
		return errFailed
	}
	return err
}

// provider is the development world's system of providers.
var provider = play.System{ASID: "300000000161", ODS: "A83627"}

// plan works out what there is to play.
func (p *playCmd) plan() (*play.Plan, error) {
	if p.Week != (p.What == "") {
		return nil, errors.New("give a scenario (nems play --list), a file, or --week")
	}
	people, err := p.people()
	if err != nil {
		return nil, err
	}
	start, err := p.start()
	if err != nil {
		return nil, err
	}
	if p.Week {
		if start.IsZero() {
			start = people.Midnight()
		}
		script, err := scenario.Mix(people, p.seed(), start, p.Days, p.Multiple)
		if err != nil {
			return nil, err
		}
		return withPeople(play.FromScript(script, "", provider))(people)
	}
	text, name, err := p.read()
	if err != nil {
		return nil, err
	}
	if play.IsRecording(text) {
		return play.FromRecording(name, text)
	}
	script, err := scenario.Compile(name, text, scenario.Options{World: people, Seed: p.seed(), Start: start})
	if err != nil {
		return nil, err
	}
	return withPeople(play.FromScript(script, name, provider))(people)
}

// withPeople adds the people of a world to a plan.
func withPeople(plan *play.Plan, err error) func(*world.World) (*play.Plan, error) {
	return func(w *world.World) (*play.Plan, error) {
		if err == nil && w != nil {
			plan.AddPatients(play.People(w))
		}
		return plan, err
	}
}

func (p *playCmd) seed() uint64 {
	if p.Seed == nil {
		return 1
	}
	return *p.Seed
}

// people are the world's, if there is one.
func (p *playCmd) people() (*world.World, error) {
	switch {
	case p.World != "":
		return readWorld(p.World)
	case p.Week:
		return world.New(500, p.seed(), firstDay)
	}
	return nil, nil
}

// firstDay is day 0 of what names no other.
var firstDay = time.Date(2026, time.January, 5, 0, 0, 0, 0, time.UTC)

func (p *playCmd) start() (time.Time, error) {
	if p.Start == "" {
		return time.Time{}, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, p.Start, nhs.UnitedKingdom())
	if err != nil {
		err = fmt.Errorf("--start: expected a date such as 2026-03-02; received %q", p.Start)
	}
	return day, err
}

// read reads a scenario that comes with the program, or a file.
func (p *playCmd) read() (text []byte, name string, err error) {
	if text, known := scenario.Find(p.What); known {
		return text, p.What + ".yaml", nil
	}
	text, err = readFile(p.What)
	if errors.Is(err, os.ErrNotExist) && !strings.ContainsAny(p.What, "./\\") {
		return nil, "", fmt.Errorf("there is no scenario %q and no such file: nems play --list shows those that come with the program", p.What)
	}
	return text, p.What, err
}

// until reads --until.
func (p *playCmd) until(start time.Time) (time.Time, error) {
	var day int
	if p.Until == "" {
		return time.Time{}, nil
	}
	if _, err := fmt.Sscanf(p.Until, "day %d", &day); err == nil {
		return start.AddDate(0, 0, day), nil
	}
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.ParseInLocation(form, p.Until, nhs.UnitedKingdom()); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("--until: expected 2026-03-02, 2026-03-02T09:00:00Z or day 5; received %q", p.Until)
}

// list prints the scenarios that come with the program.
func (p *playCmd) list() error {
	all, err := scenario.Builtins()
	if err != nil {
		return err
	}
	type row struct {
		Name  string `json:"name"`
		Title string `json:"title"`
		About string `json:"about"`
	}
	var values []row
	var rows [][]string
	for _, b := range all {
		values = append(values, row{b.Name, b.Title, b.About})
		about, _, _ := strings.Cut(cmp.Or(strings.TrimSpace(b.About), b.Title), "\n")
		rows = append(rows, []string{b.Name, b.Title, about})
	}
	return p.print(values, "NAME TITLE ABOUT", rows)
}
