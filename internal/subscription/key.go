package subscription

import (
	"fmt"
	"hash/fnv"
)

// hashVersion is the first byte that Hash digests. Stored rows hold hashes, so
// a change of the hash needs another version and a migration.
const hashVersion = 1

// Hash returns 64 bits of the key. They never change, because stores index
// subscriptions by them. Different keys may share a hash, so the full keys of a
// hit must be compared.
func (k RouteKey) Hash() int64 {
	buf := make([]byte, 0, 32)
	buf = append(buf, hashVersion, byte(k.Kind))
	buf = append(buf, k.Value...)
	h := fnv.New64a()
	_, _ = h.Write(buf)
	return int64(h.Sum64())
}

// String returns the kind, and the value unless it is a patient's number.
func (k RouteKey) String() string {
	name, known := kindNames[k.Kind]
	switch {
	case !known:
		return fmt.Sprintf("kind %d", byte(k.Kind))
	case k.Kind == ByPatient:
		return name + " [NHS number]"
	case k.Kind == ByEverybody:
		return name
	}
	return name + " " + k.Value
}

// Format prints String whatever the verb, so that no log line or error holds a
// patient's number by accident.
func (k RouteKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

var kindNames = map[Kind]string{
	ByPatient:        "patient",
	ByPractice:       "practice",
	BySubICBOfGP:     "ICB sub-location by GP",
	BySubICBPostcode: "ICB sub-location by postcode",
	ByLocalAuthority: "local authority",
	ByCountry:        "country",
	ByEverybody:      "everybody",
}
