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
	known   map[store.InboxQuery][]store.Listed
}

// pagesMost is how many pages are remembered, of up to pageMost messages, which
// take 12 KiB. What asks for more reads through an inbox, and not again soon.
const (
	pagesMost = 64
	pageMost  = 512
)

func (p *pages) get(commits uint64, key store.InboxQuery) ([]store.Listed, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.commits != commits {
		return nil, false
	}
	page, ok := p.known[key]
	return page, ok
}

// put remembers a page that was read when there were so many commits, or more.
func (p *pages) put(commits uint64, key store.InboxQuery, page []store.Listed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if commits < p.commits || key.Max > pageMost {
		return
	}
	if commits > p.commits || len(p.known) >= pagesMost {
		clear(p.known)
	}
	if p.known == nil {
		p.known = make(map[store.InboxQuery][]store.Listed)
	}
	p.commits = commits
	p.known[key] = page
}
