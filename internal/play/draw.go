package play

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"nems/internal/world"
)

// draw decides what goes wrong with one act. What it draws for one purpose depends on
// the seed, the act and the purpose alone, so that one fault does not change another.
type draw struct {
	seed uint64
	act  *act
}

func newDraw(seed uint64, a *act) draw { return draw{seed, a} }

func (d draw) chance(purpose string) *rand.Rand {
	return world.Rand(d.seed, fmt.Sprintf("fault %s %s", purpose, d.act.id))
}

func (d draw) happens(fault string, share float64) bool {
	return share > 0 && d.chance(fault).Float64() < share
}

func (d draw) half(purpose string) bool { return d.chance(purpose).IntN(2) == 0 }

func (d draw) upTo(purpose string, most time.Duration) time.Duration {
	return time.Duration(d.chance(purpose).Int64N(int64(most) + 1))
}

// another is an idempotency key beside that of the act.
func (d draw) another(id uuid.UUID) string { return uuid.NewSHA1(id, []byte("another key")).String() }

// broken returns bytes that are no message any more: cut off, with a character that
// XML does not have, or with another root.
func (d draw) broken(message []byte) []byte {
	r := d.chance("how it breaks")
	at := 1 + r.IntN(len(message)-1)
	switch r.IntN(3) {
	case 0:
		return bytes.Clone(message[:at])
	case 1:
		out := bytes.Clone(message)
		out[at] = 0
		return out
	}
	out := bytes.Replace(message, []byte("<Bundle"), []byte("<Bundel"), 1)
	return bytes.Replace(out, []byte("</Bundle>"), []byte("</Bundel>"), 1)
}
