package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"nems/internal/datafolder"
	"nems/internal/node"
)

// move moves a service from one database to another.
func (m *migrateCmd) move(ctx context.Context) error {
	from, err := node.ReadSecret("from", m.From)
	if err != nil {
		return err
	}
	to, err := node.ReadSecret("to", m.To)
	if err != nil {
		return err
	}
	move, err := datafolder.OpenMove(ctx, from, to, time.Now())
	if err != nil {
		return err
	}
	defer move.Close()
	if m.DryRun {
		return m.wouldMove(move)
	}
	show := newMoveProgress(move.Rows())
	err = move.Run(ctx, account(), show.tell)
	show.finish()
	if err != nil {
		return err
	}
	var rows [][]string
	for _, t := range move.Tables {
		if t.Rows > 0 {
			rows = append(rows, []string{t.Name, strconv.FormatInt(t.Rows, 10), t.Digest})
		}
	}
	if err := printTable("TABLE ROWS CHECKSUM", rows); err != nil {
		return err
	}
	fmt.Fprintf(stdout(), "moved %s to %s: %d rows, equal on both sides; the audit verifies on both, with the same ends\n", move.From(), move.To(), move.Rows())
	m.next(move)
	return nil
}

// wouldMove says what a move would do.
func (m *migrateCmd) wouldMove(move *datafolder.Move) error {
	var rows [][]string
	for _, t := range move.Tables {
		if t.Rows > 0 {
			rows = append(rows, []string{t.Name, strconv.FormatInt(t.Rows, 10)})
		}
	}
	if err := printTable("TABLE ROWS", rows); err != nil {
		return err
	}
	room := "how much room the server has cannot be seen from here: expect to need about twice as much for a while"
	if move.Room >= 0 {
		room = fmt.Sprintf("%d MB are free there", move.Room>>20)
	}
	fmt.Fprintf(stdout(), "would move %s to %s: %d rows, about %d MB; %s\nnothing was changed\n", move.From(), move.To(), move.Rows(), move.Bytes>>20, room)
	return move.Fits()
}

// next says how to go on, and what lies beside a database and does not move with it.
func (m *migrateCmd) next(move *datafolder.Move) {
	folder := m.Data
	if path, embedded := strings.CutPrefix(move.From(), "sqlite:"); embedded {
		folder = filepath.Dir(path)
	}
	into := folder
	if path, embedded := strings.CutPrefix(move.To(), "sqlite:"); embedded {
		into = filepath.Dir(path)
	}
	fmt.Fprintf(stdout(), "next: nems serve --data %s --database %s, with the other settings as before\n", into, shownURL(m.To, move.To()))
	var beside []string
	for _, name := range []string{"directory.db", "audit.key", "audit.key.pub", "audit.checkpoints", "operator.json", "operator.crt", "operator.key"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
			beside = append(beside, name)
		}
	}
	if into != folder && len(beside) > 0 {
		fmt.Fprintf(stdout(), "copy these from %s to %s first: %s\n", folder, into, strings.Join(beside, ", "))
	} else if len(beside) > 0 {
		fmt.Fprintf(stdout(), "these stay where they are, in %s, and every node needs them: %s\n", folder, strings.Join(beside, ", "))
	}
	if _, embedded := strings.CutPrefix(move.To(), "sqlite:"); embedded {
		fmt.Fprintf(stdout(), "the directory of patients, organisations and postcodes is not moved from PostgreSQL: import it into %s (nems import)\n", into)
	}
	fmt.Fprintf(stdout(), "also not in a database: the configuration file, certificates and keys that it names, and files of passwords\n")
	fmt.Fprintf(stdout(), "%s is as it was, and is not opened again: a file beside it says that its service has moved\n", move.From())
}

// shownURL is the URL as it was given, for a shell, without its password.
func shownURL(given, name string) string {
	if strings.HasPrefix(given, "file:") { // a file with the URL
		return given
	}
	u, err := url.Parse(given)
	if err != nil || u.User == nil {
		return name
	}
	shown := url.URL{Scheme: u.Scheme, User: url.User(u.User.Username()), Host: u.Host, Path: u.Path}
	if with := u.Query(); len(with) > 0 { // how to connect, such as sslmode, which must not be lost
		with.Del("password")
		shown.RawQuery = with.Encode()
		return "'" + shown.String() + "'"
	}
	return shown.String()
}

// moveProgress shows how far a move is: a bar on a terminal, otherwise a line now
// and then.
type moveProgress struct {
	all    int64 // rows
	bar    *progress
	began  time.Time
	said   time.Time
	step   datafolder.Step
	before int64 // rows of tables that are done in this step
	table  string
	last   int64 // rows of the table that are done
}

// sayEvery is how often a line is written where there is no terminal.
const sayEvery = 5 * time.Second

func newMoveProgress(all int64) *moveProgress { return &moveProgress{all: max(all, 1)} }

func (p *moveProgress) finish() { p.bar.clear() }

// tell is datafolder.MoveProgress.
func (p *moveProgress) tell(step datafolder.Step, table string, done, all int64) {
	now := time.Now()
	if step != p.step {
		p.finish()
		p.step, p.before, p.last, p.table, p.began, p.said = step, 0, 0, table, now, now
		if p.bar = newProgress(string(step), p.total(all)); p.bar == nil {
			fmt.Fprintf(stderr(), "%s\n", step)
		}
	}
	if table != p.table {
		p.table = table
		p.before += p.last
	}
	p.last = done
	sum := p.before + done
	rate := float64(sum) / max(now.Sub(p.began).Seconds(), 0.001)
	if p.bar != nil {
		p.bar.what = fmt.Sprintf("%s %s: %d rows, %.0f a second,", step, table, sum, rate)
		p.bar.set(min(sum, p.total(all)))
		return
	}
	if now.Sub(p.said) >= sayEvery {
		p.said = now
		rest := time.Duration(float64(max(p.total(all)-sum, 0))/max(rate, 1)) * time.Second
		fmt.Fprintf(stderr(), "%s %s: %d of %d rows, %.0f a second, about %s to go\n", step, table, sum, p.total(all), rate, rest)
	}
}

// total is how many rows a step has.
func (p *moveProgress) total(all int64) int64 {
	if p.step == datafolder.Copying || p.step == datafolder.Comparing {
		return p.all
	}
	return max(all, 1)
}
