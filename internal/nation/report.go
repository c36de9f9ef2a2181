package nation

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Report is what a run came to. Durations are in seconds.
type Report struct {
	Multiple      float64        `json:"multiple"`
	Patients      int            `json:"patients"`
	Subscriptions int            `json:"subscriptions"`
	Mailboxes     int            `json:"mailboxes"`
	Seconds       float64        `json:"seconds"`
	Asked         float64        `json:"messagesPerSecondAsked"`
	Accepted      float64        `json:"messagesPerSecondAccepted"`
	Messages      int64          `json:"messages"`
	ByEvent       map[string]int `json:"byEvent"`
	Refused       map[string]int `json:"refused"`
	Latency       Quantiles      `json:"latencySeconds"`
	Copies        int64          `json:"copies"`
	Collected     Quantiles      `json:"collectedAfterSeconds"`
	BacklogFor    float64        `json:"backlogSeconds"`
	// CPU is the service's processor time per 1,000 messages, its copies collected too;
	// 0 where it is not known. Cores is how many it used.
	CPU   float64 `json:"cpuSecondsPer1000,omitempty"`
	Cores float64 `json:"cores,omitempty"`
	// Disk is how many bytes a message took with its copies; 0 where it is not known.
	Disk  float64 `json:"diskBytesPerMessage,omitempty"`
	Limit string  `json:"limit"`
}

// Quantiles of a time.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func quantiles(all []time.Duration) (q Quantiles) {
	if len(all) == 0 {
		return q
	}
	slices.Sort(all)
	at := func(share float64) float64 { return all[int(share*float64(len(all)-1))].Seconds() }
	return Quantiles{at(0.5), at(0.99), at(1)}
}

// figures are read before and after the load.
type figures struct {
	at   time.Time
	cpu  float64 // seconds
	disk int64
}

func (l *Load) measure() (f figures) {
	f.at = time.Now()
	if l.Disk != nil {
		f.disk = l.Disk()
	}
	if l.Metrics == "" {
		return f
	}
	answer, err := http.Get(l.Metrics) //nolint:noctx // one small page
	if err != nil {
		return f
	}
	defer answer.Body.Close()
	return f.read(answer.Body)
}

// read reads the processor time of the page of metrics.
func (f figures) read(page io.Reader) figures {
	lines := bufio.NewScanner(page)
	for lines.Scan() {
		if value, is := strings.CutPrefix(lines.Text(), "process_cpu_seconds_total "); is {
			f.cpu, _ = strconv.ParseFloat(value, 64)
		}
	}
	return f
}

func (l *Load) report(asked float64, before, during figures, backlog time.Duration) *Report {
	after := l.measure()
	l.mu.Lock()
	defer l.mu.Unlock()
	seconds := during.at.Sub(before.at).Seconds()
	r := &Report{
		Multiple: l.Multiple, Patients: len(l.people), Subscriptions: l.subscriptions, Mailboxes: l.Mailboxes, Seconds: seconds,
		Asked: asked, Accepted: float64(l.sent.Load()) / seconds, Messages: l.sent.Load(), ByEvent: l.byEvent, Refused: l.refused,
		Latency: quantiles(l.latencies), Copies: l.copies.Load(), Collected: quantiles(l.waits), BacklogFor: backlog.Seconds(),
	}
	if r.Messages > 0 && after.cpu > before.cpu {
		r.CPU = (after.cpu - before.cpu) * 1000 / float64(r.Messages)
		r.Cores = (during.cpu - before.cpu) / seconds
	}
	if r.Messages > 0 && after.disk > before.disk {
		r.Disk = float64(after.disk-before.disk) / float64(r.Messages)
	}
	r.Limit = l.limit(r)
	return r
}

// limit says what kept the service from more.
func (l *Load) limit(r *Report) string {
	busy := 0
	for why, n := range r.Refused {
		if strings.HasPrefix(why, "429") || strings.HasPrefix(why, "503") {
			busy += n
		}
	}
	cores := float64(runtime.NumCPU())
	switch {
	case busy > 0:
		return fmt.Sprintf("the service refused %d messages because it was busy", busy)
	case l.late.Load() == 0 && r.Latency.P99 < 1:
		return "none was reached: every message was answered in time"
	case r.Cores > 0.4*cores:
		return fmt.Sprintf("the processor: the service used %.1f of %.0f cores, and this program uses the others where it runs on the same machine", r.Cores, cores)
	case l.late.Load() > 0:
		return fmt.Sprintf("the connections: all %d waited for answers, %d times, while the service's processor was not busy; its disk or its database, or the network", l.Connections, l.late.Load())
	}
	return "this program, which did not send as much as it was asked to"
}
