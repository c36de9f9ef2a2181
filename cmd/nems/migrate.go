package main

import (
	"context"
	"fmt"

	"nems/internal/datafolder"
	"nems/internal/node"
)

// migrateCmd brings a database's schema up to date, before the first node of a
// new version starts.
type migrateCmd struct {
	Data     string `default:"nems-data" type:"path" help:"Data folder of the service."`
	Database string `help:"Database of the service, as for nems serve; default: nems.db in the data folder."`
}

// Run migrates. A database that is up to date stays as it is.
func (m *migrateCmd) Run(ctx context.Context) error {
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
