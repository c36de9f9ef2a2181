package main

import (
	"context"
	"errors"
	"fmt"

	"nems/internal/datafolder"
	"nems/internal/node"
)

// migrateCmd brings a database's schema up to date, before the first node of a
// new version starts, or moves a service to another database.
type migrateCmd struct {
	Data     string `default:"nems-data" type:"path" help:"Data folder of the service."`
	Database string `help:"Database of the service, as for nems serve; default: nems.db in the data folder."`
	From     string `env:"-" help:"Move the whole service from this database to the one of --to: sqlite:PATH or postgres://USER@HOST/NAME. No node may run."`
	To       string `env:"-" help:"Empty database to move the service to: sqlite:PATH or postgres://USER@HOST/NAME."`
	DryRun   bool   `env:"-" help:"With --from and --to: only show what would be moved, and whether it fits."`
}

// Run migrates. A database that is up to date stays as it is.
func (m *migrateCmd) Run(ctx context.Context) error {
	switch {
	case m.From != "" && m.To != "":
		return m.move(ctx)
	case m.From != "" || m.To != "" || m.DryRun:
		return errors.New("to move a service, give both --from and --to: the database that it is in, and an empty one")
	}
	database, err := node.ReadSecret("database", m.Database)
	if err != nil {
		return err
	}
	from, to, err := datafolder.Migrate(ctx, m.Data, database)
	if err != nil {
		return err
	}
	if from == to {
		fmt.Fprintf(stdout(), "the schema is up to date: version %d\n", to)
		return nil
	}
	fmt.Fprintf(stdout(), "the schema was brought from version %d to %d\n", from, to)
	return nil
}
