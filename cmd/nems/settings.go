package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"nems/internal/node"
)

// configCmd is about the settings of `nems serve`.
type configCmd struct {
	Show    configShow    `cmd:"" help:"Print every setting with its value and the source of the value; secrets are left out."`
	Explain configExplain `cmd:"" help:"Explain a setting, or list them all."`
	Check   configCheck   `cmd:"" help:"Check the configuration and everything that it names, as nems serve --check does."`
}

// unjudged are settings that need not be valid, because people look at them to
// find out what is wrong.
type unjudged node.Config

type configShow struct {
	ConfigFile fileFlag `name:"config" placeholder:"FILE" help:"Configuration file (YAML)."`
	Changed    bool     `env:"-" help:"Only the settings that do not have their default."`
	formatted
	unjudged
}

// shownSetting is a setting as it would be in force. Its JSON is an interface:
// users parse it.
type shownSetting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"` // command line, environment, file or default
}

// Run prints what nems serve would use with the same flags, environment and
// file.
func (c *configShow) Run(parsed *kong.Context) error {
	file, err := c.file()
	if err != nil {
		return err
	}
	var shown []shownSetting
	var rows [][]string
	for _, flag := range settings(parsed.Model.Node) {
		s := shownSetting{flag.Name, c.value(flag.Name, parsed), source(flag, parsed, file)}
		if c.Changed && s.Source == "default" {
			continue
		}
		shown = append(shown, s)
		rows = append(rows, []string{s.Name, orDash(s.Value), s.Source})
	}
	return c.print(shown, "SETTING VALUE FROM", rows)
}

func (c *configShow) file() (*configFile, error) {
	if c.ConfigFile == "" {
		return &configFile{}, nil
	}
	return readConfig(string(c.ConfigFile))
}

// value returns the value of a setting; for a secret, only that it is set.
func (c *configShow) value(name string, parsed *kong.Context) string {
	for _, flag := range parsed.Selected().Flags {
		if flag.Name == name {
			return masked(name, fmt.Sprint(parsed.FlagValue(flag)))
		}
	}
	return ""
}

func masked(name, value string) string {
	switch {
	case value == "" || !node.IsSecret(name) || strings.HasPrefix(value, "file:") || strings.HasPrefix(value, "sqlite:"):
		return value
	case name == "database":
		if u, err := url.Parse(value); err == nil {
			return u.Redacted()
		}
	}
	return "(secret)"
}

// source returns where the value of a setting comes from.
func source(flag *kong.Flag, parsed *kong.Context, file *configFile) string {
	for _, p := range parsed.Path {
		if p.Flag != nil && !p.Resolved && p.Flag.Name == flag.Name {
			return "command line"
		}
	}
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return "environment"
		}
	}
	if file.values[flag.Name] != nil {
		return "file"
	}
	return "default"
}

// settings are the flags of `nems serve` that a configuration file may have.
func settings(app *kong.Node) []*kong.Flag {
	var out []*kong.Flag
	for _, command := range app.Children {
		if command.Name != "serve" {
			continue
		}
		for _, flag := range command.Flags {
			if flag.Name != "help" && flag.Name != "config" && flag.Name != "check" {
				out = append(out, flag)
			}
		}
	}
	return out
}

type configExplain struct {
	Setting string `arg:"" optional:"" help:"Name of a setting, its environment variable or its key in the file; default: all."`
	Format  string `enum:"text,markdown" default:"text" env:"-" help:"text or markdown."`
}

// Run explains one setting or all.
func (c *configExplain) Run(parsed *kong.Context) error {
	all := settings(parsed.Model.Node)
	if c.Setting != "" {
		name := settingName(c.Setting)
		at := slices.IndexFunc(all, func(f *kong.Flag) bool { return f.Name == name })
		if at < 0 {
			return fmt.Errorf("there is no setting %q%s", c.Setting, meant(name, all))
		}
		all = all[at : at+1]
	}
	if c.Format == "markdown" {
		return settingsPage(all)
	}
	for i, flag := range all {
		if i > 0 {
			fmt.Fprintln(stdout())
		}
		fmt.Fprintf(stdout(), "%s\n  %s\n", flag.Name, flag.Help)
		fmt.Fprintf(stdout(), "  default: %s\n", orDash(flag.Default))
		fmt.Fprintf(stdout(), "  --%s, %s, in the file %s\n", flag.Name, strings.Join(flag.Envs, " "), fileKey(flag.Name))
		if reloadable(flag) {
			fmt.Fprintln(stdout(), "  A reload (SIGHUP) puts a new value in force.")
		}
	}
	return nil
}

// settingName returns the name of a setting that is written in one of its forms.
func settingName(s string) string {
	if rest, ok := strings.CutPrefix(s, "NEMS_"); ok {
		s = strings.ToLower(rest)
	}
	return strings.NewReplacer("_", "-", ".", "-").Replace(s)
}

// groups are the settings that may be nested in a file.
var groups = []string{"mesh-remote", "fhir", "mesh", "operations", "pds"}

// fileKey returns the name of a setting as a file with nested keys has it.
func fileKey(name string) string {
	for _, group := range groups {
		if rest, ok := strings.CutPrefix(name, group+"-"); ok && name != "mesh-shared-key" && name != "mesh-mailboxes" && name != "mesh-workflows" {
			return group + ": {" + rest + ": ...}"
		}
	}
	return name + ": ..."
}

// settingsPage writes the reference: a table row for each setting.
func settingsPage(all []*kong.Flag) error {
	fmt.Fprint(stdout(), "# Settings\n\nWritten by `nems config explain --format markdown`. Each setting is a flag of `nems serve`, an environment variable and a key of the\n"+
		"configuration file; an earlier one of these overrides a later one. `nems config show` prints the values in force and their sources. A secret may be `file:PATH`.\n"+
		"A reload (SIGHUP, `systemctl reload nems`) puts those in force that are marked *reload*; the others need a restart.\n\n"+
		"| setting, environment | default | meaning |\n| --- | --- | --- |\n")
	for _, flag := range all {
		mark := ""
		if reloadable(flag) {
			mark = " *reload*"
		}
		fmt.Fprintf(stdout(), "| `%s` `%s` | %s | %s |\n", flag.Name, strings.Join(flag.Envs, "` `"), code(flag.Default), strings.ReplaceAll(flag.Help, "|", `\|`)+mark)
	}
	return nil
}

// reloadable reports whether a service that runs can take up another value.
func reloadable(flag *kong.Flag) bool { return flag.Tag.Has("reload") }

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

type configCheck struct {
	ConfigFile fileFlag `name:"config" placeholder:"FILE" help:"Configuration file (YAML)."`
	unjudged
}

// Run tries the configuration.
func (c *configCheck) Run(ctx context.Context) error {
	s := serveCmd{Config: node.Config(c.unjudged)}
	return s.checkUp(ctx)
}

// meant proposes the setting that a misspelt name is nearest to.
func meant(name string, all []*kong.Flag) string {
	best, fewest := "", max(len(name)/3, 2)+1
	for _, flag := range all {
		if n := edits(name, flag.Name); n < fewest {
			best, fewest = flag.Name, n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// edits counts the letters to put in, take out or replace between two words
// (Levenshtein).
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
