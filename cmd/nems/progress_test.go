package main

import (
	"strings"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	var out strings.Builder
	now := time.Unix(1000, 0)
	p := &progress{out: &out, what: "import", all: 200, now: func() time.Time { return now }, began: now}
	drawn := func(want string) {
		t.Helper()
		if out.String() != want {
			t.Errorf("expected %q, received %q", want, out.String())
		}
		out.Reset()
	}
	p.clear()
	drawn("")
	p.set(0)
	drawn("\rimport   0% |" + strings.Repeat(" ", 30) + "|\x1b[K")
	now = now.Add(10 * time.Millisecond)
	p.set(10)
	drawn("") // too soon
	now = now.Add(1990 * time.Millisecond)
	p.set(50)
	drawn("\rimport  25% |" + strings.Repeat("#", 7) + strings.Repeat(" ", 23) + "| 6s left\x1b[K")
	p.clear()
	drawn("\r\x1b[K")
	p.set(300) // a file that grew
	drawn("\rimport 100% |" + strings.Repeat("#", 30) + "| 0s left\x1b[K")
	p.all, p.drawn = 0, time.Time{}
	p.set(7)
	drawn("\rimport 7 [2s]\x1b[K")
	var none *progress
	none.set(1)
	none.clear()
}
