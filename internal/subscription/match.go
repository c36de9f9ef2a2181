package subscription

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// partnerSeparator separates the pairs of a partner id (NEMS specification,
// "Event Receiver Requirements"). A tag cannot contain it.
const partnerSeparator = "~~~"

// MaxNamed is how many subscriptions a copy names: of all that asked for it,
// those with the lowest ids. It limits what is stored and sent with a copy.
const MaxNamed = 256

// Match decides which copies an event makes: one for each mailbox with at least
// one active subscription whose key is among the event's and whose filters the
// patient passes. Copies are ordered by mailbox. The result does not depend on
// the order of the candidates. Match does not change them.
func Match(cs []Candidate, f Facts) []Copy {
	m := NewMatcher(&f)
	var hits []int
	for i := range cs {
		if m.Matches(&cs[i]) {
			hits = append(hits, i)
		}
	}
	if len(hits) == 0 {
		return nil
	}
	slices.SortFunc(hits, func(a, b int) int {
		return cmp.Or(cmp.Compare(cs[a].Mailbox, cs[b].Mailbox), bytes.Compare(cs[a].ID[:], cs[b].ID[:]))
	})
	var copies []Copy
	for start := 0; start < len(hits); {
		end := start + 1
		for end < len(hits) && cs[hits[end]].Mailbox == cs[hits[start]].Mailbox {
			end++
		}
		copies = append(copies, merge(cs, hits[start:end]))
		start = end
	}
	return copies
}

// Matcher checks the candidates of one event, one at a time.
type Matcher struct {
	facts *Facts
	age   ageFilter
}

// NewMatcher returns a Matcher for an event. The facts must not change.
func NewMatcher(f *Facts) Matcher { return Matcher{f, ageFilter{facts: f}} }

// Matches reports whether a candidate matches. The hash and the class by which
// it was found prove nothing, so it compares the full key and the filters.
func (m *Matcher) Matches(c *Candidate) bool {
	return c.Status == Active &&
		!ended(c.End, m.facts.At) &&
		slices.Contains(m.facts.Keys, c.Key) &&
		registrationPasses(c.Registration, m.facts.Registered) &&
		m.age.passes(c.Ages)
}

// ended reports whether a subscription with this end is over at t. At the exact
// moment of its end it is over. The zero end means never.
func ended(end, t time.Time) bool { return !end.IsZero() && !end.After(t) }

func registrationPasses(want Registration, registered *bool) bool {
	if want == AnyRegistration {
		return true
	}
	return registered != nil && *registered == (want == RegisteredOnly)
}

// merge makes the single copy of a mailbox. The hits are sorted by id; an id
// that a store returned twice counts once.
func merge(cs []Candidate, hits []int) Copy {
	c := Copy{Mailbox: cs[hits[0]].Mailbox, Subscriptions: make([]ID, 0, min(len(hits), MaxNamed))}
	var partner []byte
	for _, i := range hits {
		id, n := cs[i].ID, len(c.Subscriptions)
		if n == MaxNamed {
			break
		}
		if n > 0 && c.Subscriptions[n-1] == id {
			continue
		}
		c.Subscriptions = append(c.Subscriptions, id)
		if tag := cs[i].Tag; tag != "" {
			if len(partner) > 0 {
				partner = append(partner, partnerSeparator...)
			}
			partner = appendTag(partner, id, tag)
		}
	}
	c.PartnerID = string(partner)
	return c
}

func appendTag(to []byte, id ID, tag string) []byte {
	to = append(hex.AppendEncode(to, id[:]), '|')
	return append(to, tag...)
}

// PartnerID is the partner id of a copy for one subscription, "" without a tag.
func PartnerID(id ID, tag string) string {
	if tag == "" {
		return ""
	}
	return string(appendTag(nil, id, tag))
}

// CapPartnerID shortens a partner id to at most max bytes, for a MESH that
// accepts no longer ones. It drops whole `id|tag` pairs from the end and
// returns how many.
func CapPartnerID(s string, max int) (string, int) {
	dropped := 0
	for len(s) > max {
		dropped++
		i := strings.LastIndex(s, partnerSeparator)
		if i < 0 {
			return "", dropped
		}
		s = s[:i]
	}
	return s, dropped
}
