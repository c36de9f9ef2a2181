package sqlite

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
)

// runName is the file name of digests: the hour in which the first was used, in
// hours since 1970 when the folder was made, and a number within it.
type runName struct{ hour, seq int64 }

func (r runName) String() string { return fmt.Sprintf("%08d-%06d", r.hour, r.seq) }

func (r runName) compare(o runName) int {
	return cmp.Or(cmp.Compare(r.hour, o.hour), cmp.Compare(r.seq, o.seq))
}

func parseRunName(s string) (r runName, ok bool) {
	if _, err := fmt.Sscanf(s, "%d-%d", &r.hour, &r.seq); err != nil {
		return r, false
	}
	return r, r.String() == s
}

// nonceRun is a file of digests in ascending order.
type nonceRun struct {
	name   runName
	count  int
	filter filter
}

// orderRun puts the digests of a file in order, by way of a second file, and
// makes their filter. A digest that was cut short belongs to no request that
// went on.
func orderRun(folder string, name runName) (*nonceRun, error) {
	path := filepath.Join(folder, name.String())
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	all := make([]digest, len(raw)/digestSize)
	for i := range all {
		all[i] = digest(raw[i*digestSize:])
	}
	order := func(a, b digest) int { return bytes.Compare(a[:], b[:]) }
	r := &nonceRun{name: name, count: len(all), filter: newFilter(all)}
	if slices.IsSortedFunc(all, order) {
		return r, nil
	}
	slices.SortFunc(all, order)
	ordered := raw[:0]
	for i := range all {
		ordered = append(ordered, all[i][:]...)
	}
	if err := os.WriteFile(path+".new", ordered, 0o600); err != nil {
		return nil, err
	}
	return r, os.Rename(path+".new", path)
}

// holds searches the file.
func (r *nonceRun) holds(folder string, d digest) (bool, error) {
	file, err := os.Open(filepath.Join(folder, r.name.String()))
	if err != nil {
		return false, err
	}
	defer file.Close()
	var at digest
	_, found := sort.Find(r.count, func(i int) int {
		if err == nil {
			_, err = file.ReadAt(at[:], int64(i*digestSize))
		}
		return bytes.Compare(d[:], at[:])
	})
	if err != nil && err != io.EOF {
		return false, err
	}
	return found, nil
}

// filter tells, of a digest that a run lacks, that it does but for one time in
// 400: a Bloom filter with 16 bits for each digest, four of them set, and the
// digest itself as the four hashes.
type filter []uint64

func newFilter(all []digest) filter {
	f := make(filter, len(all)/4+1)
	for i := range all {
		for _, bit := range f.bits(all[i]) {
			f[bit/64] |= 1 << (bit % 64)
		}
	}
	return f
}

func (f filter) mayHold(d digest) bool {
	for _, bit := range f.bits(d) {
		if f[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return true
}

func (f filter) bits(d digest) (bits [4]uint64) {
	for i := range bits {
		bits[i] = uint64(binary.LittleEndian.Uint32(d[4*i:])) % uint64(len(f)*64)
	}
	return bits
}
