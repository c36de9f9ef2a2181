package portable

import "hash/fnv"

// TypeNumber stands for an event type in rows, CodeNumber for an event code. They are
// hashes, so that they need no look-up, and the same on every node. There are a few
// dozen names: should two have one hash, the row of the second is refused, and with
// it whatever needs it.
func TypeNumber(code, workflow string) int32 { return CodeNumber(code + "|" + workflow) }

// CodeNumber is described at TypeNumber.
func CodeNumber(code string) int32 {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(code)) // never fails
	return int32(hash.Sum32()>>1 | 1)
}
