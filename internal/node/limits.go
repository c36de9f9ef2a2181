package node

import "nems/internal/api"

// The limits for one system in production. They are far above what systems in
// use send; they stop programs that are out of control.
const (
	defaultRate       = 1000 // requests a second
	defaultConcurrent = 256
)

// limits returns the limits that the configuration sets.
func (c *Config) limits() api.Limits {
	l := api.Limits{Rate: c.RateLimit, Concurrent: c.ConcurrencyLimit}
	if l.Rate == 0 && !c.Dev {
		l.Rate = defaultRate
	}
	if l.Concurrent == 0 && !c.Dev {
		l.Concurrent = defaultConcurrent
	}
	return api.Limits{Rate: max(0, l.Rate), Concurrent: max(0, l.Concurrent)}
}
