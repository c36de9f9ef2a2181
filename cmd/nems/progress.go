package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// How a bar is drawn: how wide, and how often at most.
const (
	progressWidth = 30
	progressEvery = 65 * time.Millisecond
)

// progress draws on one line of a terminal how far something is. One that is nil
// draws nothing.
type progress struct {
	out       io.Writer
	what      string
	done, all int64
	now       func() time.Time
	began     time.Time
	drawn     time.Time
}

// newProgress shows what is done of all on standard error; nil unless that is a
// terminal.
func newProgress(what string, all int64) *progress {
	if !term.IsTerminal(int(os.Stderr.Fd())) { //nolint:gosec // a descriptor
		return nil
	}
	return &progress{out: os.Stderr, what: what, all: all, now: time.Now, began: time.Now()}
}

// set tells how much is done.
func (p *progress) set(done int64) {
	if p == nil {
		return
	}
	p.done = done
	now := p.now()
	if now.Sub(p.drawn) < progressEvery {
		return
	}
	p.drawn = now
	fmt.Fprintf(p.out, "\r%s\x1b[K", p.line(now))
}

// line is the description, a bar, the part that is done, and how long it took or
// will take yet.
func (p *progress) line(now time.Time) string {
	took := now.Sub(p.began)
	if p.all <= 0 {
		return fmt.Sprintf("%s %d [%s]", p.what, p.done, took.Round(time.Second))
	}
	part := min(1, float64(p.done)/float64(p.all))
	filled := int(part * progressWidth)
	line := fmt.Sprintf("%s %3.0f%% |%s%s|", p.what, part*100, strings.Repeat("#", filled), strings.Repeat(" ", progressWidth-filled))
	if p.done > 0 && took >= time.Second {
		line += fmt.Sprintf(" %s left", time.Duration(float64(took)*(1-part)/part).Round(time.Second))
	}
	return line
}

// clear empties the line, for something else to be written. The next set draws it anew.
func (p *progress) clear() {
	if p != nil && !p.drawn.IsZero() {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.drawn = time.Time{}
	}
}
