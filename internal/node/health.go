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
	if n.draining.Load() {
		state(w, http.StatusServiceUnavailable, "draining")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyWait)
	defer cancel()
	if _, err := n.db.RegistryVersion(ctx); err != nil {
		n.Log.Error("health", "error", err)
		state(w, http.StatusServiceUnavailable, "unavailable")
		return
	}
	state(w, http.StatusOK, "ok", n.notices()...)
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
