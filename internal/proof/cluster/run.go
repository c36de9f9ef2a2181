//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/term"
)

// How long things are given.
const (
	atLeast     = 10 * time.Second // a fault lasts, also one that nobody notices
	calmFor     = 5 * time.Second  // no attempt fails before it counts as over
	overWithin  = 90 * time.Second // without a person
	wholeWithin = 2 * time.Minute  // after the machine or cable is back
	restWithin  = time.Minute      // until the last copies are collected
)

var errBroken = errors.New("an event was lost, doubled or changed")

// inside runs the cluster in its namespaces.
func inside(ctx context.Context, o options) error {
	all, err := chosen(o.only)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "starting three PostgreSQL with Patroni and etcd, three nodes, a proxy")
	c, err := newCluster(ctx, o)
	if err != nil {
		return err
	}
	l, err := newLoad(ctx, c)
	if err != nil {
		return err
	}
	loading, end := context.WithCancel(ctx)
	defer end()
	var publishers, receiver sync.WaitGroup
	for range o.publishers {
		publishers.Go(func() { l.publish(loading) })
	}
	receiving, endReceiving := context.WithCancel(ctx)
	defer endReceiving()
	receiver.Go(func() { l.collect(receiving) })
	rows, err := c.suffer(ctx, l, all)
	end()
	publishers.Wait()
	if ctx.Err() == nil {
		_ = c.until(ctx, restWithin, "the last copies", func(context.Context) bool { return l.ledger.missing() == 0 })
	}
	endReceiving()
	receiver.Wait()
	if ctx.Err() != nil {
		return errors.New("interrupted: nothing is said of what was lost")
	}
	err = errors.Join(err, l.empty(ctx), c.verifyAudit(ctx))
	broken := l.ledger.wrong > 0
	for i := range rows {
		l.ledger.count(&rows[i])
		broken = broken || rows[i].Lost+rows[i].Doubled > 0
	}
	if broken {
		err = errors.Join(err, errBroken, c.keepLogs())
	}
	return errors.Join(err, show(os.Stdout, rows, o.format))
}

// suffer lets one fault after the other happen.
func (c *cluster) suffer(ctx context.Context, l *load, all []fault) ([]row, error) {
	var rows []row
	for _, f := range all {
		r := row{Fault: f.name, What: f.what}
		l.ledger.begin(f.name)
		from := time.Now()
		mend, err := f.strike(ctx, c)
		if err == nil {
			wait(ctx, atLeast)
			err = c.until(ctx, overWithin, "publishes that succeed", func(context.Context) bool { return l.ledger.calm(calmFor) })
		}
		if mend != nil {
			err = errors.Join(err, mend(), c.until(ctx, wholeWithin, "the whole cluster", func(ctx context.Context) bool {
				return c.whole(ctx) && l.ledger.calm(calmFor)
			}))
		}
		l.ledger.measure(&r, from, time.Now())
		rows = append(rows, r)
		if ctx.Err() != nil {
			return rows, ctx.Err()
		}
		fmt.Fprintf(os.Stderr, "%s: nothing accepted for %d ms, %d attempts failed; whole again after %s\n", f.name, r.Outage, r.Failed, time.Since(from).Round(time.Second))
		if err != nil {
			return rows, errors.Join(fmt.Errorf("%s: %w", f.name, err), c.keepLogs())
		}
	}
	return rows, nil
}

// keepLogs copies the logs to where they outlast the cluster.
func (c *cluster) keepLogs() error {
	folder, err := os.MkdirTemp("", "nems-cluster-logs-")
	if err != nil {
		return err
	}
	logs, err := filepath.Glob(filepath.Join(c.o.folder, "*.log"))
	for _, name := range logs {
		text, failed := os.ReadFile(name)
		err = errors.Join(err, failed, os.WriteFile(filepath.Join(folder, filepath.Base(name)), text, 0o600))
	}
	fmt.Fprintln(os.Stderr, "the logs of all hosts are in", folder)
	return err
}

// verifyAudit stops a node and has it check the audit of all.
func (c *cluster) verifyAudit(ctx context.Context) error {
	h := c.nodes[0]
	if err := stop(h.commands[len(h.commands)-1]); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, c.o.binary, "audit", "verify", "--data", filepath.Join(c.o.folder, h.name), "--database", c.dsn()).CombinedOutput()
	if err != nil {
		return fmt.Errorf("audit verify: %w: %s", err, out)
	}
	return nil
}

// show prints the table: for people on a terminal, as JSON in a pipe.
func show(to io.Writer, rows []row, format string) error {
	if format == "json" || format == "" && !term.IsTerminal(int(os.Stdout.Fd())) {
		return json.NewEncoder(to).Encode(rows)
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "fault\tfirst failure\tnothing accepted\tmedian\tp99\tslowest\tfailed attempts\taccepted\tdelivered\tlost\tdoubled\t")
	for _, r := range rows {
		first := "none"
		if r.FirstFailure >= 0 {
			first = fmt.Sprint(time.Duration(r.FirstFailure) * time.Millisecond)
		}
		fmt.Fprintf(w, "%s\t%s\t%d ms\t%d ms\t%d ms\t%d ms\t%d\t%d\t%d\t%d\t%d\t\n", r.Fault, first, r.Outage, r.Median, r.P99, r.Slowest, r.Failed, r.Accepted, r.Delivered, r.Lost, r.Doubled)
	}
	for _, r := range rows {
		for _, when := range r.LostWhen {
			fmt.Fprintf(w, "%s: an event is lost that was accepted at %s\n", r.Fault, when)
		}
	}
	return w.Flush()
}
