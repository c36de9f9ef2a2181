package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"nems/internal/controllers"
	"nems/internal/nhs"
	"nems/internal/operator"
	"nems/internal/subscription"
)

// catalogueCmd keeps the controller catalogue.
type catalogueCmd struct {
	Import catalogueImport `cmd:"" help:"Put the rows of files into the catalogue, all or none. Says what changes."`
	List   catalogueList   `cmd:"" help:"List the rows: who may have which events, why, and until when."`
	Show   catalogueShow   `cmd:"" help:"Show all that the catalogue says of an organisation, and the category bags that follow."`
	Check  catalogueCheck  `cmd:"" help:"Say whether an organisation may do something, by which row, and what is missing; fails when it may not."`
	Report catalogueReport `cmd:"" help:"List what was done although the catalogue does not permit it (catalogue: report): by whom, what is missing, how often."`
	Set    catalogueSet    `cmd:"" help:"Give rows another status, such as suspended, live or ended."`
	Remove catalogueRemove `cmd:"" help:"Take rows out of the catalogue. To keep a record, set their status to ended instead."`
}

type catalogueImport struct {
	Files  []string `arg:"" name:"file" help:"YAML, JSON or CSV (by its ending .csv), as list prints them; see docs/controller-catalogue.md. - is standard input, in YAML or JSON."`
	Whole  bool     `env:"-" help:"The files are the whole catalogue: take out every row that is not in them."`
	Try    bool     `env:"-" help:"Change nothing, and say what would change."`
	Reason string   `env:"-" placeholder:"TEXT" help:"Why the catalogue is changed, for the audit."`
	operated
}

// Run reads all files before it changes anything.
func (c *catalogueImport) Run(ctx context.Context) error {
	return c.with(func(d operator.Face) error {
		known, err := knownEventTypes(ctx, d)
		if err != nil {
			return err
		}
		change := operator.ControllerChange{Whole: c.Whole, Try: c.Try, Reason: c.Reason}
		for _, file := range c.Files {
			rows, err := readControllers(file, known)
			if err != nil {
				return err
			}
			change.Rows = append(change.Rows, rows...)
		}
		changed, err := operator.ChangeControllers.Do(ctx, d, change)
		if err != nil {
			return err
		}
		sayChanged(changed, c.Try)
		return nil
	})
}

// readControllers reads the rows of a file.
func readControllers(file string, known func(string) bool) ([]controllers.Row, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(filepath.Ext(file), ".csv") {
		return controllers.ReadCSV(file, bytes.NewReader(data), known)
	}
	return controllers.Read(file, data, known)
}

// knownEventTypes returns whether the service knows an event type, or the MNS has it.
func knownEventTypes(ctx context.Context, d operator.Face) (func(string) bool, error) {
	types, err := operator.All(ctx, d, operator.ListEventTypes, operator.Paging{})
	codes := map[string]bool{}
	for _, t := range types {
		codes[t.Code] = true
	}
	return func(code string) bool { return codes[code] || subscription.OnlyMNS(code) }, err
}

// sayChanged prints what a change did, or would do.
func sayChanged(c operator.ControllerChanged, tried bool) {
	for _, part := range []struct {
		sign string
		ids  []string
	}{{"+", c.Added}, {"~", c.Changed}, {"-", c.Removed}} {
		for _, id := range part.ids {
			fmt.Fprintln(stdout(), part.sign, id)
		}
	}
	verb := ""
	if tried {
		verb = "would be "
	}
	fmt.Fprintf(stdout(), "%s%d added, %d changed, %d removed, %d as they were\n", verb, len(c.Added), len(c.Changed), len(c.Removed), c.Same)
}

type catalogueList struct {
	Organisation string `placeholder:"ODS" env:"-" help:"Rows of this organisation alone."`
	Event        string `placeholder:"CODE" env:"-" help:"Rows of this event type alone."`
	Noticed      bool   `env:"-" help:"Rows alone that a person should do something about: evidence that expires or has expired, reviews that are late."`
	operated
	Format string `enum:"table,json,yaml,csv" default:"table" env:"-" help:"table, or json, yaml or csv as import reads them."`
}

// Run prints the rows.
func (c *catalogueList) Run(ctx context.Context) error {
	return c.with(func(d operator.Face) error {
		filter := operator.ControllerFilter{Organisation: nhs.ODSCode(c.Organisation), Event: c.Event, Noticed: c.Noticed}
		shown, err := operator.All(ctx, d, operator.FindControllers, operator.Search[operator.ControllerFilter]{Filter: filter})
		if err != nil {
			return err
		}
		rows := make([]controllers.Row, len(shown))
		for i, r := range shown {
			rows[i] = r.Row
		}
		switch c.Format {
		case "json":
			return controllers.WriteJSON(stdout(), rows)
		case "yaml":
			return controllers.WriteYAML(stdout(), rows)
		case "csv":
			return controllers.WriteCSV(stdout(), rows)
		}
		return printTable("ORGANISATION ROLE SETTING EVENT STATUS BASIS REVIEW EXPIRES NOTICE", controllerLines(shown))
	})
}

func controllerLines(rows []operator.ControllerRow) (lines [][]string) {
	for _, r := range rows {
		expires := "-"
		if e, does := r.Expiry(); does {
			expires = e.Expires.String() + " (" + e.Kind + ")"
		}
		lines = append(lines, []string{string(r.Organisation), string(r.Role), orDash(r.Setting), r.Event, string(r.Status), orDash(r.Basis.Code),
			orDash(r.Decided.Review.String()), expires, orDash(r.Notice)})
	}
	return lines
}

type catalogueShow struct {
	Organisation string `arg:"" name:"organisation" help:"ODS code."`
	operated
	formatted
}

// Run prints what the catalogue says of an organisation.
func (c *catalogueShow) Run(ctx context.Context) error {
	return c.with(func(d operator.Face) error {
		rights, err := operator.ShowController.Do(ctx, d, operator.ControllerOf{Organisation: nhs.ODSCode(strings.ToUpper(c.Organisation))})
		if err != nil {
			return err
		}
		if c.Format == "json" {
			return printJSON(rights)
		}
		for _, r := range rights.Rows {
			sayController(r)
		}
		fmt.Fprintf(stdout(), "category bags: %s\nsystems:       %s\n", orDash(strings.Join(rights.Bags, " ")), list(rights.Systems))
		return nil
	})
}

// sayController prints a row for people.
func sayController(r operator.ControllerRow) {
	out := stdout()
	fmt.Fprintf(out, "%s\n", r.ID)
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(out, "  %-10s %s\n", name, text)
		}
	}
	state := string(r.Status)
	if !r.Permits && r.Status == controllers.Live {
		state += ", but permits nothing: " + r.Lacks
	}
	line("status", state)
	line("purpose", r.Purpose)
	line("basis", strings.TrimSuffix(r.Basis.Code+", "+r.Basis.Reference, ", "))
	if r.Decided.By != "" {
		line("decided", fmt.Sprintf("by %s on %s, to be reviewed by %s", r.Decided.By, r.Decided.On, r.Decided.Review))
	}
	line("rules", strings.Join(r.Scope.Rules, " "))
	line("codes", strings.Join(r.Scope.Codes, " "))
	line("grants", strings.Join(r.Grants, " "))
	for _, e := range r.Evidence {
		until := "for ever"
		if !e.Expires.IsZero() {
			until = "until " + e.Expires.String()
		}
		line("evidence", strings.TrimSpace(e.Kind+" "+until+" "+e.Reference))
	}
	line("retention", r.Retention)
	line("contact", r.Contact)
	line("notes", r.Notes)
	line("notice", r.Notice)
	fmt.Fprintln(out)
}

type catalogueCheck struct {
	Organisation string `arg:"" name:"organisation" help:"ODS code."`
	Event        string `arg:"" name:"event" help:"Event code, such as vaccinations-1."`
	Role         string `enum:"publisher,consumer" default:"consumer" env:"-" help:"publisher or consumer."`
	Rule         string `env:"-" help:"What a subscription is by: EXPLICIT, or a subscriptionRuleType."`
	Code         string `env:"-" help:"The organisation or area that the rule names."`
	Grant        string `env:"-" help:"What is needed beyond copies in a MESH mailbox: webhook, stream, queue, full-payload or replay."`
	Days         int    `env:"-" help:"How many days back a replay reaches."`
	On           string `placeholder:"DATE" env:"-" help:"The day that is asked about; default: today."`
	operated
	formatted
}

// Run prints the verdict, and fails if it is no.
func (c *catalogueCheck) Run(ctx context.Context) error {
	q := operator.ControllerQuestion{Organisation: nhs.ODSCode(strings.ToUpper(c.Organisation)), Role: controllers.Role(c.Role), Event: c.Event, Rule: c.Rule, Code: c.Code, Grant: c.Grant, Days: c.Days}
	if err := q.On.UnmarshalText([]byte(c.On)); err != nil {
		return fmt.Errorf("--on: %w", err)
	}
	return c.with(func(d operator.Face) error {
		v, err := operator.JudgeController.Do(ctx, d, q)
		if err != nil {
			return err
		}
		switch {
		case c.Format == "json":
			err = printJSON(v)
		case v.Allowed:
			fmt.Fprintf(stdout(), "yes, by the row %s\n", v.Row.ID)
		default:
			fmt.Fprintf(stdout(), "no: %s\n", v.Lacks)
		}
		if err == nil && !v.Allowed {
			return errFailed
		}
		return err
	})
}

type catalogueSet struct {
	IDs    []string `arg:"" name:"row" help:"Ids of rows, as show prints them: ORGANISATION/EVENT/ROLE[/SETTING]."`
	Status string   `required:"" enum:"requested,assured,live,suspended,ended" env:"-" help:"requested, assured, live, suspended or ended."`
	Reason string   `required:"" env:"-" placeholder:"TEXT" help:"Why, for the audit."`
	operated
}

// Run changes the status of rows.
func (c *catalogueSet) Run(ctx context.Context) error {
	return c.with(func(d operator.Face) error {
		all, err := operator.All(ctx, d, operator.FindControllers, operator.Search[operator.ControllerFilter]{})
		if err != nil {
			return err
		}
		change := operator.ControllerChange{Reason: c.Reason}
		for _, id := range c.IDs {
			at := slices.IndexFunc(all, func(r operator.ControllerRow) bool { return r.ID == id })
			if at < 0 {
				return fmt.Errorf("there is no row %s: nems catalogue list shows them", id)
			}
			row := all[at].Row
			row.Status = controllers.Status(c.Status)
			change.Rows = append(change.Rows, row)
		}
		changed, err := operator.ChangeControllers.Do(ctx, d, change)
		if err == nil {
			sayChanged(changed, false)
		}
		return err
	})
}

type catalogueRemove struct {
	IDs    []string `arg:"" name:"row" help:"Ids of rows, as show prints them."`
	Reason string   `required:"" env:"-" placeholder:"TEXT" help:"Why, for the audit."`
	operated
}

// Run removes rows.
func (c *catalogueRemove) Run(ctx context.Context) error {
	return c.with(func(d operator.Face) error {
		changed, err := operator.ChangeControllers.Do(ctx, d, operator.ControllerChange{Removed: c.IDs, Reason: c.Reason})
		if err == nil {
			sayChanged(changed, false)
		}
		return err
	})
}
