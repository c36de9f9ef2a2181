package node

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// readyWait is how long the store may take to show that it answers.
const readyWait = 2 * time.Second

// live says that the process serves requests. It checks nothing else, because
// restarting a node does not help when a database cannot be reached.
func live(w http.ResponseWriter, _ *http.Request) { state(w, http.StatusOK, "ok") }

// ready says whether the node can take work: its store answers and it is not
// shutting down. Load balancers use it.
func (n *node) ready(w http.ResponseWriter, r *http.Request) {
	word, why, err := n.unready(r.Context())
	if err != nil {
		n.Log.Error("health", "error", err)
	}
	if word != "" {
		state(w, http.StatusServiceUnavailable, word, why...)
		return
	}
	state(w, http.StatusOK, "ok", n.notices()...)
}

// unready says in a word why the node cannot take work, "" if it can, and what people
// should know of that.
func (n *node) unready(ctx context.Context) (word string, why []string, err error) {
	if n.draining.Load() {
		return "draining", nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	if _, err := n.db.RegistryVersion(ctx); err != nil {
		return "unavailable", nil, err
	}
	if lacks := n.unfit(ctx); len(lacks) > 0 {
		return "directory incomplete", append(lacks, n.adopting()...), nil
	}
	return "", nil, nil
}

// unfit says which parts of the directory this node lacks, beside those without which
// the operator has it take work nevertheless. Without patients it would refuse every
// event, and without postcodes it would accept events and match them with nobody.
func (n *node) unfit(ctx context.Context) (out []string) {
	lacks, err := n.lacking(ctx)
	if err != nil {
		n.Log.Error("health", "error", err)
		return []string{"The directory cannot be read."}
	}
	for _, l := range lacks {
		if !n.needless(l.part) {
			out = append(out, l.text())
		}
	}
	return out
}

// state answers with a word and other notices for people.
func state(w http.ResponseWriter, status int, word string, notices ...string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Status  string   `json:"status"`
		Notices []string `json:"notices,omitempty"`
	}{word, notices})
}

// notices are what people should know of the clock, and of files that were taken
// up.
func (n *node) notices() []string {
	return append(append(n.dev.notices(), n.clock.Notices()...), n.tls.Notices()...)
}
