package node

import (
	"path/filepath"
	"time"
)

// started writes the first line of a run: what runs, and where.
func (n *node) started() {
	n.begun = n.lasting()
	data, err := filepath.Abs(n.Data)
	if err != nil {
		data = n.Data
	}
	listeners := make([]string, 0, len(n.endpoints))
	for _, e := range n.endpoints {
		listeners = append(listeners, e.name+"="+e.address())
	}
	n.Log.Info("started", "version", n.Program, "commit", commit(), "store", n.storeName(), "profile", n.profileName(),
		"listeners", listeners, "data", data)
}

// ended writes the last line of a run: how long it was, what it accepted, and whether
// everything that was accepted is committed and everything has ended.
func (n *node) ended(err error) {
	up := (n.lasting() - n.begun).Round(time.Millisecond)
	if err != nil {
		n.Log.Error("ended", "clean", false, "uptime", up.String(), "events", n.metrics.events.Load(), "error", err)
		return
	}
	n.Log.Info("ended", "clean", true, "uptime", up.String(), "events", n.metrics.events.Load())
}
