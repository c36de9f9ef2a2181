package assure

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Told is what the system under test says that it made of a message.
type Told struct {
	// Message is the MESH message id of the copy, or MessageHeader.id.
	Message string `json:"message"`
	// Outcome is one of outcomes.
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
}

// outcomes are what a system can say that it made of a message.
var outcomes = []string{"processed", "duplicate", "superseded", "discarded", "retracted", "rejected", "failed"}

// reportPath is where the door takes reports of the system under test.
const reportPath = "/assure/report"

// readTold reads one report. Errors name the member, what is expected and what came.
func readTold(text []byte) (t Told, err error) {
	if err := json.Unmarshal(text, &t); err != nil {
		return t, fmt.Errorf("a report is a JSON object with message, outcome and reason: %w", err)
	}
	if t.Message == "" {
		return t, fmt.Errorf("message: expected the MESH message id or MessageHeader.id; received nothing")
	}
	if !slices.Contains(outcomes, t.Outcome) {
		return t, fmt.Errorf("outcome: expected one of %s; received %q", strings.Join(outcomes, ", "), t.Outcome)
	}
	return t, nil
}

// readReports reads a file with a report in each line; there may be none yet.
func readReports(path string) (all []Told, err error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path) //nolint:gosec // the user's own file
	if os.IsNotExist(err) {
		return nil, nil
	}
	for i, line := range bytes.Split(text, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		t, wrong := readTold(line)
		if wrong != nil {
			return all, fmt.Errorf("%s:%d: %w", path, i+1, wrong)
		}
		all = append(all, t)
	}
	return all, err
}

// Sent is a message that a step gave to the system under test.
type Sent struct {
	ID      string // MESH message id; "" where the service itself makes the copy
	Message string // MessageHeader.id
	// Wants are the outcomes of which one is right.
	Wants []string
}

// meshCall is what a request to the MESH API does to a message.
type meshCall struct {
	message string
	chunk   int  // from 1
	ack     bool // otherwise a download
}

var (
	downloadPath = regexp.MustCompile(`^/messageexchange/[^/]+/inbox/([^/?]+)(?:/(\d+))?/?$`)
	ackPath      = regexp.MustCompile(`^/messageexchange/[^/]+/inbox/([^/?]+)/status/acknowledged/?$`)
)

// mailboxCall reads a request to the MESH API; ok is false for one that is about no message.
func (x *Exchange) mailboxCall() (c meshCall, ok bool) {
	path, _, _ := strings.Cut(x.Path, "?")
	if m := ackPath.FindStringSubmatch(path); m != nil && x.Method == http.MethodPut {
		return meshCall{message: m[1], ack: true}, true
	}
	m := downloadPath.FindStringSubmatch(path)
	if m == nil || x.Method != http.MethodGet || m[1] == "rich" {
		return c, false
	}
	c = meshCall{message: m[1], chunk: 1}
	if m[2] != "" {
		c.chunk, _ = strconv.Atoi(m[2])
	}
	return c, true
}

// succeeded reports whether the caller got what it asked for.
func (x *Exchange) succeeded() bool { return x.Status >= 200 && x.Status < 300 }

// named gives the messages that the service itself has copied the MESH ids of their copies,
// which are known from the downloads.
func named(sent []Sent, exchanges []*Exchange) []Sent {
	out := slices.Clone(sent)
	for i := range out {
		for _, x := range exchanges {
			if c, ok := x.mailboxCall(); out[i].ID == "" && ok && !c.ack && x.succeeded() && bytes.Contains(x.Reply, []byte(out[i].Message)) {
				out[i].ID = c.message
			}
		}
	}
	return out
}

// acknowledged lists the MESH ids that were acknowledged.
func acknowledged(exchanges []*Exchange) map[string]bool {
	ids := map[string]bool{}
	for _, x := range exchanges {
		if c, ok := x.mailboxCall(); ok && c.ack && x.succeeded() {
			ids[c.message] = true
		}
	}
	return ids
}

// of returns what was told about the n-th message: by the id of its copy, otherwise by the
// message's own, where several copies have their reports in the order of the copies.
func (o *Outcome) toldOf(n int) (Told, bool) {
	s := o.Sent[n]
	for _, t := range o.Told {
		if s.ID != "" && t.Message == s.ID {
			return t, true
		}
	}
	before := 0
	for _, other := range o.Sent[:n] {
		if other.Message == s.Message {
			before++
		}
	}
	for _, t := range o.Told {
		if s.Message == "" || !strings.EqualFold(t.Message, s.Message) {
			continue
		}
		if before == 0 {
			return t, true
		}
		before--
	}
	return Told{}, false
}

// collected reports whether what a step of a subscriber's plan wants has come.
func (r *Run) collected(s *Step) bool {
	exchanges := r.Service.Record.Of(s.ID)
	sent := named(r.sent[s.ID], exchanges)
	if len(sent) > 0 {
		done := acknowledged(exchanges)
		return !slices.ContainsFunc(sent, func(m Sent) bool { return !done[m.ID] })
	}
	n := 0
	for _, x := range exchanges {
		if (s.Plan.has("subscribed") && x.creates() || s.Plan.has("unsubscribed") && x.deletes()) && x.succeeded() {
			n++
		}
	}
	return n >= s.Wants
}

func (t *Template) has(check string) bool { return slices.Contains(t.Checks, check) }
