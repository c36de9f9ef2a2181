package simulator

import (
	"sync"
	"time"

	"nems/internal/store"
)

// claims records which lanes were given to which nodes. No other node may be
// given a lane before its claim lapses, by a clock that nobody sets.
type claims struct {
	mu   sync.Mutex
	held map[int64]claim // by mailbox
}

type claim struct {
	node  *simNode
	until time.Time
}

// claimed notes lanes that a node was given. asked is when it asked for them.
func (c *claims) claimed(n *simNode, lanes []store.Lane, asked time.Time, lease time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range lanes {
		held, ok := c.held[l.Mailbox]
		// Opening the SQLite store releases what another process had claimed.
		if ok && held.until.After(time.Now()) && !(n.sim.SQLite && held.node != n) {
			n.sim.book.wrong("%s was given the lane of %s, which %s holds", n.name, l.MailboxID, held.node.name)
		}
		c.held[l.Mailbox] = claim{n, asked.Add(lease)}
	}
}

// settled prolongs a claim.
func (c *claims) settled(n *simNode, l store.Lane, asked time.Time, lease time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if held, ok := c.held[l.Mailbox]; ok && held.node == n {
		c.held[l.Mailbox] = claim{n, asked.Add(lease)}
	}
}

// released ends a claim, or may have ended it.
func (c *claims) released(n *simNode, l store.Lane) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held[l.Mailbox].node == n {
		delete(c.held, l.Mailbox)
	}
}
