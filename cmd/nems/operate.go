package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"time"

	"nems/internal/datafolder"
	"nems/internal/node"
	"nems/internal/operator"
)

// operated says which NEMS a command is about: the flags of all operators'
// commands.
type operated struct {
	Data          string `default:"nems-data" type:"path" help:"Data folder of the service. A running service is asked; otherwise its database is opened."`
	Database      string `help:"Database of the service, as for nems serve; default: nems.db in the data folder."`
	URL           string `name:"operations-url" help:"Address of the operations listener of a service on another machine, instead of --data."`
	OperatorToken string `name:"operator-token" help:"The operator token of that service."`
	tlsFiles
}

// formatted is the choice between a table for people and JSON for programs.
type formatted struct {
	Format string `enum:"table,json" default:"table" help:"table or json."`
}

// with runs a command's work on the service's desk: directly on the database of
// a stopped service, or by asking a running one.
func (o operated) with(work func(operator.Face) error) error {
	var unreadable error
	if o.OperatorToken, unreadable = node.ReadSecret("operator-token", o.OperatorToken); unreadable == nil {
		o.Database, unreadable = node.ReadSecret("database", o.Database)
	}
	if unreadable != nil {
		return unreadable
	}
	if o.URL != "" {
		return o.ask(operator.Access{URL: o.URL, Token: o.OperatorToken}, work)
	}
	// If no database is named, the service's own is meant, which may not be in
	// its data folder.
	access, unknown := operator.ReadAccess(o.Data)
	if unknown == nil && access.Shared && o.Database == "" {
		if access.URL == "" {
			return fmt.Errorf("the service of %s is stopped, and keeps its data in PostgreSQL: give --database, or --operations-url of another node", o.Data)
		}
		return o.ask(access, work)
	}
	d, done, err := datafolder.OpenDesk(o.Data, o.Database)
	switch {
	case errors.Is(err, datafolder.ErrRunning):
		if errors.Is(unknown, fs.ErrNotExist) || unknown == nil && access.URL == "" {
			return fmt.Errorf("a service runs on this database but has recorded no operations listener in %s: give --data, or --operations-url with --operator-token", o.Data)
		}
		if unknown != nil {
			return unknown
		}
		return o.ask(access, work)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no data folder %s: give --data, or --operations-url of a running service", o.Data)
	case err != nil:
		return err
	}
	d.User = account()
	return errors.Join(work(d), done())
}

// ask runs the work on a running service.
func (o operated) ask(access operator.Access, work func(operator.Face) error) error {
	h, err := o.httpClient()
	if err != nil {
		return err
	}
	h.Timeout = 0 // a large change may take as long as it needs
	return work(&operator.Client{Access: access, User: account(), HTTP: h})
}

// account returns the name of the user who runs this program, for the audit.
func account() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return os.Getenv("USER")
}

// print writes rows as a table for people, or value as JSON for programs.
func (f formatted) print(value any, header string, rows [][]string) error {
	if f.Format == "json" {
		return printJSON(value)
	}
	return printTable(header, rows)
}

// instant is a flag that is a moment: RFC 3339, a date, or how long ago (36h).
type instant struct{ time.Time }

// UnmarshalText reads the flag's value.
func (i *instant) UnmarshalText(text []byte) error {
	if ago, err := time.ParseDuration(string(text)); err == nil {
		i.Time = time.Now().Add(-ago)
		return nil
	}
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(form, string(text)); err == nil {
			i.Time = at
			return nil
		}
	}
	return errors.New("expected a moment such as 2026-03-31T12:00:00Z or 2026-03-31, or how long ago, such as 36h")
}
