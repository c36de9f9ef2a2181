package world

import "nems/internal/nhs"

const (
	// byHand is how many of the first test numbers are left to people who choose
	// numbers by hand, such as those of the development world.
	byHand = 1000
	// MaxPatients leaves numbers to those who are born later.
	MaxPatients = 800_000
)

// numbers returns a function that gives NHS numbers for tests, each once, in an
// order that follows from the seed and the purpose; "" when there are none left.
func numbers(seed uint64, purpose string) func() string {
	const room = nhs.TestNumbers - byHand // 999,000 = 2³·3³·5³·37
	at := newRandom(seed, "numbers "+purpose).intn(room)
	stride := 7 * 11 * (1 + 2*3*5*37*(3+int(seed%5))) // has no factor in common with room, so that every number is met
	tried := 0
	return func() string {
		for tried < room {
			tried++
			at = (at + stride) % room
			if n, exists := nhs.TestNumber(byHand + at); exists {
				return n.Digits()
			}
		}
		return ""
	}
}
