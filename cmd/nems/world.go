package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"nems/internal/directory"
	"nems/internal/nhs"
	"nems/internal/world"
)

// worldCmd invents a population.
type worldCmd struct {
	Patients int    `default:"500" env:"-" help:"How many people."`
	Seed     uint64 `default:"1" env:"-" help:"Another seed makes other people; the same seed and day make the same bytes."`
	Day      string `env:"-" placeholder:"DATE" help:"Day on which people are as old as they are (YYYY-MM-DD); default: today."`
	Read     string `type:"existingfile" env:"-" placeholder:"FILE" help:"Take the world of this file instead of a new one; with --format csv, to import what you have changed by hand."`
	Format   string `enum:"yaml,json,csv,records" default:"yaml" env:"-" help:"yaml for people and nems play; json for other programs; records for nems patients load, whole records; csv for nems import, what routing needs of patients, organisations and postcodes."`
	Save     string `type:"path" env:"-" placeholder:"DIR" help:"Write to this folder instead of standard output: world.yaml, world.json or records.jsonl; with csv patients.csv, organisations.csv and postcodes.csv."`
}

// Help says what a world is good for.
func (*worldCmd) Help() string {
	return `A world has people in households (alone, couples, parents with children, shared houses, care homes) with names and ages as in the United Kingdom. They live in six towns and are registered with their practices. Children know their mothers. NHS numbers are valid, and from the range that is reserved for tests (999 001 0000 and above); nobody in it exists.

Towns and practices are those of the development world: a service that was started with nems serve --dev knows them.

  nems world --patients 500 --seed 7 > world.yaml
  nems world --read world.yaml --format records > records.jsonl
  nems patients load records.jsonl

docs/scenarios.md tells how to let things happen to these people.`
}

// Run writes the world.
func (c *worldCmd) Run() error {
	w, err := c.world()
	if err != nil {
		return err
	}
	if c.Format == "csv" {
		return c.csv(w)
	}
	write := map[string]func(io.Writer) error{
		"yaml": w.WriteYAML, "json": func(to io.Writer) error { return encoder(to).Encode(w) }, "records": w.WriteRecords,
	}[c.Format]
	name := map[string]string{"yaml": "world.yaml", "json": "world.json", "records": "records.jsonl"}[c.Format]
	if c.Save == "" {
		return write(stdout())
	}
	return c.save(name, write)
}

// csv writes the three files of nems import.
func (c *worldCmd) csv(w *world.World) error {
	if c.Save == "" {
		return errors.New("--format csv makes three files: name their folder with --save DIR")
	}
	for _, kind := range []directory.Kind{directory.KindPatients, directory.KindOrganisations, directory.KindPostcodes} {
		if err := c.save(string(kind)+".csv", func(to io.Writer) error { return w.WriteCSV(kind, to) }); err != nil {
			return err
		}
	}
	return nil
}

// world invents the world, or reads it.
func (c *worldCmd) world() (*world.World, error) {
	if c.Read != "" {
		return readWorld(c.Read)
	}
	day := time.Now().In(nhs.UnitedKingdom())
	if c.Day != "" {
		var err error
		if day, err = time.Parse(time.DateOnly, c.Day); err != nil {
			return nil, errors.New("--day: expected a date that exists, as YYYY-MM-DD")
		}
	}
	return world.New(c.Patients, c.Seed, time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC))
}

// readWorld reads a file of nems world.
func readWorld(file string) (*world.World, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return world.Read(file, text)
}

// save writes one file of the folder and says so.
func (c *worldCmd) save(name string, write func(io.Writer) error) error {
	if err := os.MkdirAll(c.Save, 0o755); err != nil {
		return err
	}
	path := filepath.Join(c.Save, name)
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	fmt.Fprintln(stdout(), path)
	return nil
}
