package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"nems/internal/datafolder"
	"nems/internal/node"
	"nems/internal/plain"
)

// backupCmd copies the embedded databases while the service runs.
type backupCmd struct {
	To       string `arg:"" type:"path" help:"Folder of the backup, made if it is missing; a backup in it is never overwritten."`
	Data     string `default:"nems-data" type:"path" help:"Data folder of the service, which may be running."`
	Database string `help:"Database of the service, as for nems serve; default: nems.db in the data folder."`
}

// Run makes the backup, as of the moment at which it begins. Of PostgreSQL it says
// what makes one.
func (b *backupCmd) Run(ctx context.Context) error {
	var err error
	if b.Database, err = node.ReadSecret("database", b.Database); err != nil {
		return err
	}
	if datafolder.IsPostgres(b.Database) {
		fmt.Fprint(stdout(), backupAdvice(b.Database, b.To))
		return errFailed
	}
	progress, finish := pageProgress()
	defer finish()
	began := time.Now()
	if err := datafolder.Backup(ctx, b.Data, b.Database, b.To, progress); err != nil {
		return err
	}
	fmt.Fprintf(stdout(), "backed up to %s: everything acknowledged before %s\n", b.To, began.UTC().Format(time.RFC3339))
	return nil
}

// restoreCmd makes a data folder from a backup, or a dump that was restored into
// PostgreSQL a database for nodes.
type restoreCmd struct {
	From     string `arg:"" optional:"" type:"path" help:"Folder of the backup."`
	Data     string `default:"nems-data" type:"path" help:"Data folder to make; existing databases are never overwritten."`
	Database string `help:"PostgreSQL database into which pg_restore has put a dump: makes it ready for nodes, and checks it."`
	checkpointFlags
}

// Run restores and checks what it restored.
func (r *restoreCmd) Run(ctx context.Context) error {
	var err error
	if r.Database, err = node.ReadSecret("database", r.Database); err != nil {
		return err
	}
	if datafolder.IsPostgres(r.Database) {
		return r.adopt(ctx)
	}
	if r.From == "" {
		return errors.New("expected the folder of a backup; of a dump that pg_restore has put into PostgreSQL, give its --database")
	}
	progress, finish := pageProgress()
	defer finish()
	if err := datafolder.Restore(ctx, r.From, r.Data, progress); err != nil {
		return err
	}
	damaged, err := (&checkCmd{Data: r.Data}).check(ctx)
	if damaged {
		// If it stayed, it would be taken for a database, and would prevent the
		// next restore.
		err = errors.Join(err, fmt.Errorf("the backup is damaged: nothing of it is left in %s", r.Data), datafolder.Discard(r.Data))
	}
	return err
}

// adopt makes a restored dump ready for nodes, and checks it.
func (r *restoreCmd) adopt(ctx context.Context) error {
	if r.From != "" {
		fmt.Fprint(stdout(), restoreAdvice(r.Database, r.From))
		return errFailed
	}
	if err := datafolder.Adopt(ctx, r.Database); err != nil {
		return err
	}
	return (&checkCmd{Data: r.Data, Database: r.Database, checkpointFlags: r.checkpointFlags}).Run(ctx)
}

// checkCmd reads a database completely.
type checkCmd struct {
	Data     string `default:"nems-data" type:"path" help:"Data folder of the service, which may be running."`
	Database string `help:"Database, or a copy of one; default: nems.db in the data folder."`
	checkpointFlags
}

// Run checks the file, or the rows of PostgreSQL and its settings, every message's
// SHA-256 and the audit's chains, against the checkpoints in the data folder. It fails
// when something is wrong.
func (c *checkCmd) Run(ctx context.Context) error {
	_, err := c.check(ctx)
	return err
}

// check reports whether the file is damaged, separately from everything else that can be wrong.
func (c *checkCmd) check(ctx context.Context) (damaged bool, err error) {
	if c.Database, err = node.ReadSecret("database", c.Database); err != nil {
		return false, err
	}
	checkpoints, err := c.read(c.Data) // first, because those of a running service continue to grow
	if err != nil {
		return false, err
	}
	progress, finish := pageProgress()
	health, err := datafolder.Check(ctx, c.Data, c.Database, progress)
	finish()
	if err != nil {
		return ctx.Err() == nil, err
	}
	damaged = len(health.Damage)+len(health.Damaged) > 0
	where := "file:"
	if datafolder.IsPostgres(c.Database) {
		where = "database:"
	}
	report, err := checkpoints.verify(datafolder.AuditLinks(ctx, c.Data, c.Database))
	if err != nil {
		return damaged, err
	}
	for _, text := range health.Damage {
		fmt.Fprintln(stdout(), where, plain.Line(text))
	}
	for _, text := range health.Risks {
		fmt.Fprintln(stdout(), "setting:", plain.Line(text))
	}
	for _, text := range health.Remarks {
		fmt.Fprintln(stdout(), "server:", plain.Line(text))
	}
	for _, event := range health.Damaged {
		fmt.Fprintf(stdout(), "event %d: its message is not the published one\n", event)
	}
	for _, p := range report.Problems {
		fmt.Fprintln(stdout(), "audit:", plain.Line(fmt.Sprint(p)))
	}
	for _, d := range health.Drift {
		fmt.Fprintf(stdout(), "quota: the counter %s of %s is short of %d; the service recounts once a day\n", d.Quota, plain.Line(d.Owner), d.Short)
	}
	if !health.Sound() || report.Found > 0 {
		return damaged, errFailed
	}
	fmt.Fprintf(stdout(), "whole: %d messages with their SHA-256\n", health.Events)
	printReport(report)
	return false, nil
}

// pageProgress draws a bar for each file on a terminal, and nothing in a pipe.
func pageProgress() (step func(file string, done, all int), finish func()) {
	var bar *progress
	shown := ""
	return func(file string, done, all int) {
		if file != shown {
			bar.clear()
			bar, shown = newProgress(file, int64(all)), file
		}
		bar.set(int64(done))
	}, func() { bar.clear() }
}

// advised is a PostgreSQL URL as commands can be given it: without a password.
func advised(database string) (shown, name string) {
	u, err := url.Parse(database)
	if err != nil {
		return "postgres://USER@HOST/NAME", "NAME"
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	q := u.Query()
	q.Del("password")
	u.RawQuery = q.Encode()
	return u.String(), filepath.Base(u.Path)
}

// backupAdvice says how a PostgreSQL database is backed up.
func backupAdvice(database, to string) string {
	shown, name := advised(database)
	dump := filepath.Join(to, name+".dump")
	return fmt.Sprintf(`PostgreSQL has tools of its own for backups. The password comes from PGPASSWORD or ~/.pgpass.

The state at one moment, while nodes run:
  pg_dump --format=custom --file=%[2]s '%[1]s'

Up to every moment, for what must not be lost: a copy of the whole server, and its log from then on.
  on the server, in postgresql.conf: archive_mode = on, archive_command = 'test ! -f /archive/%%f && cp %%p /archive/%%f', wal_level = replica
  pg_basebackup --dbname='%[1]s' --pgdata=%[3]s --format=tar --gzip --checkpoint=fast   (a role with REPLICATION)
  or pgBackRest, which does both: pgbackrest --stanza=%[4]s --type=full backup

Also copy the data folder of a node: the audit's key and checkpoints, and the directory.
Try a backup: restore the dump into another database, then nems restore --database with that one. nothing was backed up now
`, shown, dump, filepath.Join(to, "base"), name)
}

// restoreAdvice says how a dump comes back.
func restoreAdvice(database, from string) string {
	shown, name := advised(database)
	return fmt.Sprintf(`PostgreSQL has tools of its own for restoring. nothing was changed. Into a new database of this name:
  createdb %[2]s
  pg_restore --exit-on-error --no-owner --dbname='%[1]s' %[3]s
  nems restore --database '%[1]s'     which makes it ready for nodes, and checks it
A server that was restored from pg_basebackup or pgBackRest needs only: nems check --database '%[1]s'
`, shown, name, from)
}
