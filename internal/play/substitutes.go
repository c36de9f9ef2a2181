package play

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"

	"nems/internal/nhs"
	"nems/internal/world"
)

// substitutes are what stands for identifiers. Each follows from a secret and from
// what it stands for: nobody who lacks the secret can test a guess.
type substitutes struct {
	secret []byte
	guests *world.Guests
	towns  []world.Town
	taken  map[string]bool // identifiers that must not come out, in lower case
	order  []string        // NHS numbers as they came
}

func newSubstitutes(secret []byte) (*substitutes, error) {
	w, err := world.Empty(1, firstBirths)
	if err != nil {
		return nil, err
	}
	guests, err := w.Guests()
	return &substitutes{secret: secret, guests: guests, towns: w.Towns, taken: map[string]bool{}}, err
}

// firstBirths is a day at which invented people have the ages of their names.
var firstBirths = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// sum is the keyed hash of a value for a purpose.
func (s *substitutes) sum(purpose, value string) []byte {
	mac := hmac.New(sha256.New, s.secret)
	fmt.Fprintf(mac, "%d %s %s", len(purpose), purpose, value)
	return mac.Sum(nil)
}

func (s *substitutes) rand(purpose, value string) *rand.Rand {
	sum := s.sum(purpose, value)
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum), binary.BigEndian.Uint64(sum[8:]))) //nolint:gosec // seeded by a MAC
}

// token is a short text that stands for a value.
func (s *substitutes) token(purpose, value string) string {
	return hex.EncodeToString(s.sum(purpose, value)[:6])
}

func (s *substitutes) uuid(value string) string {
	id, _ := uuid.FromBytes(s.sum("uuid", value)[:16])
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // as a random one
	return id.String()
}

// testNumber is a valid NHS number of the range for tests that nobody else has.
func (s *substitutes) testNumber(value string) string {
	r := s.rand("nhs number", value)
	for {
		if n, exists := nhs.TestNumber(r.IntN(nhs.TestNumbers)); exists && !s.taken[n.Digits()] {
			s.taken[n.Digits()] = true
			return n.Digits()
		}
	}
}

// family and given are other names. Upper case stays, as PDS has it.
func (s *substitutes) family(value string) string {
	return s.name("family", value, s.guests.Family)
}

func (s *substitutes) given(value string) string {
	return s.name("given", value, func(r *rand.Rand) string { return s.guests.Given(r, "", "", firstBirths)[0] })
}

// triedNames is how many names are tried that somebody in the recording has.
const triedNames = 100

func (s *substitutes) name(purpose, value string, invent func(*rand.Rand) string) string {
	r := s.rand(purpose, strings.ToLower(value))
	name := invent(r)
	for range triedNames {
		if !s.taken[strings.ToLower(name)] {
			break
		}
		name = invent(r)
	}
	if s.taken[strings.ToLower(name)] {
		name = "Name" + s.token(purpose, strings.ToLower(value))
	}
	if value == strings.ToUpper(value) {
		return strings.ToUpper(name)
	}
	return name
}

// phone is a number that Ofcom keeps for drama.
func (s *substitutes) phone(value string) string {
	return fmt.Sprintf("07700 900%03d", s.rand("phone", digits(value)).IntN(1000))
}

// home is an address of nobody.
type home struct{ house, locality, town, postcode string }

// home stands for an address. The same postcode is the same street, and the same lines
// are the same house.
func (s *substitutes) home(lines []string, postcode string) home {
	folded := strings.ToUpper(strings.ReplaceAll(postcode, " ", ""))
	r := s.rand("postcode", folded)
	var t world.Town
	var street world.Street
	for range triedNames {
		t = s.towns[r.IntN(len(s.towns))]
		street = t.Streets[r.IntN(len(t.Streets))]
		if !s.taken[strings.ToLower(street.Postcode)] {
			break
		}
	}
	house := 1 + s.rand("house", folded+" "+strings.ToUpper(strings.Join(lines, ","))).IntN(999)
	return home{fmt.Sprintf("%d %s", house, street.Name), street.Locality, t.Name, street.Postcode}
}

// written are so many lines of the address.
func (h home) written(n int) []string {
	switch n {
	case 0:
		return nil
	case 1:
		return []string{h.house + ", " + h.town}
	}
	lines := []string{h.house}
	for len(lines) < n-1 {
		middle := h.locality
		if middle == "" || len(lines) > 1 {
			middle = h.town
		}
		lines = append(lines, middle)
	}
	return append(lines, h.town)
}

// days is by how many days a birth is moved back: within the year, so that ages stay
// nearly right, and never forward, so that nobody is born after what happens to them.
func (s *substitutes) days(value string) int {
	born, err := time.Parse(time.DateOnly, value[:min(len(value), len(time.DateOnly))])
	if err != nil {
		return 0
	}
	const most = 27
	within := min(most, born.YearDay()-1)
	if within == 0 {
		return 1 // New Year's Day has no other before it
	}
	return 1 + s.rand("birth", born.Format(time.DateOnly)).IntN(within)
}

// shifted moves a date or a time back by so many days. Of a time only the hour stays,
// of a date without a day only the year.
func shifted(value string, days int) string {
	if len(value) < len(time.DateOnly) {
		return value[:min(len(value), len("2006"))]
	}
	day, err := time.Parse(time.DateOnly, value[:len(time.DateOnly)])
	if err != nil {
		return firstBirths.Format(time.DateOnly)
	}
	date := day.AddDate(0, 0, -days).Format(time.DateOnly)
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return date
	}
	return date + at.Format("T15:00:00-07:00")
}
