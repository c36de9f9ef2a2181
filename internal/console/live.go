package console

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"nems/internal/operator"
	"nems/internal/plain"
)

const (
	latest = 20
	// concerned is how long what needs a person is shown before it is looked for again,
	// and counted how long the counts of the last hour are.
	concerned, counted = 10 * time.Second, 5 * time.Second
	// every is how often those who watch are sent what is new, mostWatching how many
	// may watch.
	every, mostWatching = 2 * time.Second, 64
	// partWait is how long whoever watches may take to accept a part: a browser that
	// reads nothing must hold neither a place nor the end of the service.
	partWait = time.Second
)

// liveView is what the page Live shows.
type liveView struct {
	operator.Overview
	Concerns []operator.Concern
	// Counts are those of the last hour; Now are those of the minute that is over.
	Counts operator.Counts
	Now    operator.Count
	Chart  chart
}

// live shows what needs a person, the way of the events, and what comes in.
func (c *Console) live() page {
	return page{title: "Live", role: operator.Viewer, file: "live.html", css: "live.css", read: func(v *visit) (any, error) {
		view, err := c.liveView(v)
		if err != nil {
			return nil, err
		}
		return view, nil
	}}
}

func (c *Console) liveView(ctx context.Context) (out liveView, err error) {
	if out.Overview, err = c.glance.look(ctx); err != nil {
		return out, err
	}
	attention, err := c.attention.look(ctx)
	if err != nil {
		return out, err
	}
	if out.Counts, err = c.counts.look(ctx); err != nil {
		return out, err
	}
	out.Concerns = attention.Concerns
	if n := len(out.Counts.Bars); n > 1 {
		out.Now = out.Counts.Bars[n-2]
	}
	out.Chart = newChart(out.Counts.Bars)
	return out, nil
}

// stream sends those who watch the page what is new on it, as server-sent events. All
// share one reading of the store. It ends when the service does, or when whoever
// watches must say again who they are.
func (c *Console) stream() page {
	return page{path: "stream", title: "Live", within: "Live", role: operator.Viewer, raw: func(v *visit, w http.ResponseWriter) error {
		select {
		case c.watching <- struct{}{}:
			defer func() { <-c.watching }()
		default:
			return errCrowded
		}
		control := http.NewResponseController(w)
		h := w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("X-Accel-Buffering", "no")
		tick := time.NewTicker(every)
		defer tick.Stop()
		for sent := []byte(nil); ; {
			part, err := c.livePart(v)
			if err != nil {
				part = nil // the page keeps what it shows
			}
			_ = control.SetWriteDeadline(time.Now().Add(partWait))
			if !bytes.Equal(part, sent) && part != nil {
				_, err = fmt.Fprintf(w, "event: live\ndata: %s\n\n", bytes.ReplaceAll(part, []byte("\n"), []byte("\ndata: ")))
				sent = part
			} else {
				_, err = fmt.Fprint(w, ": still here\n\n")
			}
			if err != nil {
				return nil //nolint:nilerr // whoever watched has gone
			}
			if control.Flush() != nil {
				return nil
			}
			select {
			case <-tick.C:
			case <-v.Done():
				return nil
			case <-c.End:
				return nil
			}
		}
	}}
}

// livePart is the part of the page that is live.
func (c *Console) livePart(v *visit) ([]byte, error) {
	view, err := c.liveView(v)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = templates["live.html"].ExecuteTemplate(plain.Writer(&out), "live", frame{visit: v, Page: page{title: "Live"}, Data: view})
	return out.Bytes(), err
}

// chart is the counts of an hour as bars.
type chart struct {
	Bars []bar
	Most int64 // what the highest bar is
}

// bar is one minute: two columns side by side, and refusals on top of what was published.
type bar struct {
	At                                         time.Time
	Published, Refused, Collected              int64
	X                                          int
	PublishedY, PublishedH, RefusedY, RefusedH int
	CollectedY, CollectedH                     int
}

// chartHeight is in the chart's own units; a minute is 12 of them wide.
const chartHeight = 120

func newChart(counts []operator.Count) (out chart) {
	out.Most = 1
	for _, c := range counts {
		out.Most = max(out.Most, c.Published+c.Refused, c.Collected)
	}
	high := func(n int64) int {
		if n == 0 {
			return 0
		}
		return max(1, int(n*chartHeight/out.Most))
	}
	for i, c := range counts {
		b := bar{At: c.At, Published: c.Published, Refused: c.Refused, Collected: c.Collected, X: 12 * i,
			PublishedH: high(c.Published), RefusedH: high(c.Refused), CollectedH: high(c.Collected)}
		b.PublishedY, b.CollectedY = chartHeight-b.PublishedH, chartHeight-b.CollectedH
		b.RefusedY = b.PublishedY - b.RefusedH
		out.Bars = append(out.Bars, b)
	}
	return out
}

// Unmatched are the events of the hour that reached nobody.
func (v liveView) Unmatched() int64 {
	hour := v.Hour()
	return max(0, hour.Published-hour.Matched)
}

// Hour is the sum of an hour.
func (v liveView) Hour() (sum operator.Count) {
	for _, c := range v.Counts.Bars {
		sum.Published += c.Published
		sum.Refused += c.Refused
		sum.Matched += c.Matched
		sum.Copies += c.Copies
		sum.Collected += c.Collected
	}
	return sum
}
