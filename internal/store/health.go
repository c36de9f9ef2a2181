package store

// Health is what a check of a whole database found.
type Health struct {
	// Damage is what is wrong with the database as a whole, in its own words or in
	// ours; none when it is whole.
	Damage []string
	Events int // messages that were unpacked
	// Damaged are the events whose message no longer has its SHA-256.
	Damaged []int64
	// Drift are the counters of quotas that do not agree with the tables.
	Drift []QuotaDrift
	// Risks are settings and states of a server with which what is confirmed can be
	// lost.
	Risks []string
	// Remarks are what is worth knowing: how the database is replicated and archived.
	Remarks []string
}

// Sound reports whether nothing is wrong.
func (h *Health) Sound() bool { return len(h.Damage)+len(h.Damaged)+len(h.Risks) == 0 }
