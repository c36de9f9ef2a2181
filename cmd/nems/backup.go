package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"nems/internal/datafolder"
	"nems/internal/plain"
)

// backupCmd copies the embedded databases while the service runs.
type backupCmd struct {
	To       string `arg:"" type:"path" help:"Folder of the backup, made if it is missing; a backup in it is never overwritten."`
	Data     string `default:"nems-data" type:"path" help:"Data folder of the service, which may be running."`
	Database string `help:"Database of the service, as for nems serve; default: nems.db in the data folder."`
}

// Run makes the backup, as of the moment at which it begins.
func (b *backupCmd) Run(ctx context.Context) error {
	progress, finish := pageProgress()
	defer finish()
	began := time.Now()
	if err := datafolder.Backup(ctx, b.Data, b.Database, b.To, progress); err != nil {
		return err
	}
	fmt.Fprintf(stdout(), "backed up to %s: everything acknowledged before %s\n", b.To, began.UTC().Format(time.RFC3339))
	return nil
}

// restoreCmd makes a data folder from a backup.
type restoreCmd struct {
	From string `arg:"" type:"path" help:"Folder of the backup."`
	Data string `default:"nems-data" type:"path" help:"Data folder to make; existing databases are never overwritten."`
}

// Run restores and checks what it restored.
func (r *restoreCmd) Run(ctx context.Context) error {
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

// checkCmd reads the embedded database completely.
type checkCmd struct {
	Data     string `default:"nems-data" type:"path" help:"Data folder of the service, which may be running."`
	Database string `help:"Database, or a copy of one; default: nems.db in the data folder."`
	checkpointFlags
}

// Run checks the file, every message's SHA-256 and the audit's chains, against
// the checkpoints next to it. It fails when something is wrong.
func (c *checkCmd) Run(ctx context.Context) error {
	_, err := c.check(ctx)
	return err
}

// check reports whether the file is damaged, separately from everything else that can be wrong.
func (c *checkCmd) check(ctx context.Context) (damaged bool, err error) {
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
	report, err := checkpoints.verify(datafolder.AuditLinks(ctx, c.Data, c.Database))
	if err != nil {
		return damaged, err
	}
	for _, text := range health.Damage {
		fmt.Fprintln(stdout(), "file:", plain.Line(text))
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
	if len(health.Damage)+len(health.Damaged)+report.Found > 0 {
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
