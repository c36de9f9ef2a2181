package sqlite

import (
	"sync"

	"nems/internal/store"
)

// pages remembers pages of inboxes until the next commit, whatever it changes:
// many clients ask for theirs again and again while nothing comes in. The
// number of commits is told before a commit's callers hear of it, so that no
// one sees a page older than a change that was answered.
type pages struct {
	mu      sync.Mutex
	commits uint64 // as of which the pages hold
	known   map[pageKey][]store.Message
}

type pageKey struct {
	mailbox int64
	after   store.EventID
	max     int
}

// pagesMost is how many pages are remembered: 200 KB each at 500 messages.
const pagesMost = 32

func (p *pages) get(commits uint64, key pageKey) ([]store.Message, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.commits != commits {
		return nil, false
	}
	page, ok := p.known[key]
	return page, ok
}

// put remembers a page that was read when there were so many commits, or more.
func (p *pages) put(commits uint64, key pageKey, page []store.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if commits < p.commits {
		return
	}
	if commits > p.commits || len(p.known) >= pagesMost {
		clear(p.known)
	}
	if p.known == nil {
		p.known = make(map[pageKey][]store.Message)
	}
	p.commits = commits
	p.known[key] = page
}
