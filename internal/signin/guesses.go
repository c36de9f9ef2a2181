package signin

import (
	"crypto/subtle"
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// guesses limits how often an address may try links that do not exist: ten times,
// and then once in six seconds.
type guesses struct {
	mu sync.Mutex
	of map[string]*rate.Limiter
}

const (
	guessBurst = 10
	guessEvery = 6 * time.Second
	// mostGuessers are remembered; beyond it all are forgotten. A token has 256 bits:
	// the limit keeps the store quiet.
	mostGuessers = 1000
)

func (g *guesses) allowed(address string, now time.Time) bool {
	return g.limiter(address).TokensAt(now) >= 1
}

func (g *guesses) failed(address string, now time.Time) { g.limiter(address).AllowN(now, 1) }

func (g *guesses) limiter(address string) *rate.Limiter {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.of[host]
	if l == nil {
		if g.of == nil || len(g.of) >= mostGuessers {
			g.of = map[string]*rate.Limiter{}
		}
		l = rate.NewLimiter(rate.Every(guessEvery), guessBurst)
		g.of[host] = l
	}
	return l
}

// sameText compares texts in a time that does not tell where they differ.
func sameText(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
