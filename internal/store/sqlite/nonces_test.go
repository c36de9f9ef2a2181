package sqlite

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func testDigest(i int) digest {
	sum := sha256.Sum256(fmt.Append(nil, i))
	return digest(sum[:digestSize])
}

// TestNoncesAcrossRuns: digests are known in whatever run they stand, also
// after a restart that finds a file cut off in the middle of a digest; and runs
// that the window has left are gone from the disk.
func TestNoncesAcrossRuns(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "nonces")
	const perHour, hours = 500, 4
	const first, years = 490_000, 10 * 365 * 24
	var hour, clock int64 // that have passed; on the clock
	open := func() *nonces {
		n, err := openNonces(folder, Options{
			NonceWindow: 5 * time.Hour,
			Now:         func() time.Time { return time.Unix(clock*3600, 0) }, Steady: func() time.Duration { return time.Duration(hour) * time.Hour },
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	use := func(n *nonces, i int, want bool) {
		t.Helper()
		if fresh, err := n.use(testDigest(i)); fresh != want || err != nil {
			t.Fatalf("digest %d: %v, %v", i, fresh, err)
		}
	}
	clock = first
	n := open()
	for i := range perHour * hours {
		hour = int64(i / perHour)
		use(n, i, true)
	}
	if len(n.runs) != hours-1 {
		t.Errorf("%d runs", len(n.runs))
	}
	// A kill: the file stays as it is, with a digest half written.
	path := filepath.Join(folder, n.name.String())
	if err := n.close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = file.Write([]byte("torn"))
		file.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	hour, clock = 0, first+years // started anew, by a clock that is wrong
	n = open()
	use(n, -1, true)
	for i := range perHour * hours {
		use(n, i, false)
	}
	if err := n.close(); err != nil {
		t.Fatal(err)
	}
	clock = first + hours // it is put right
	n = open()
	for i := range perHour * hours {
		use(n, i, false)
	}
	use(n, -1, false)
	for hour < 8 {
		hour++
		use(n, -2-int(hour), true)
	}
	use(n, perHour*hours, true)
	use(n, 0, true)  // in the first hour, long ago
	use(n, -1, true) // used by the wrong clock, and as long ago
	use(n, -9, false)
	if files, _ := os.ReadDir(folder); len(files) != 8 {
		t.Errorf("%d files", len(files))
	}
	if err := n.close(); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkNonceUnknown(b *testing.B) {
	all := make([]digest, 1<<16)
	for i := range all {
		all[i] = testDigest(i)
	}
	n := nonces{recent: map[digest]struct{}{}}
	for range 7 {
		n.runs = append(n.runs, &nonceRun{filter: newFilter(all[:1<<15])})
	}
	folder := b.TempDir()
	n.folder = folder
	if err := os.WriteFile(filepath.Join(folder, n.runs[0].name.String()), nil, 0o600); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if known, err := n.known(all[1<<15+i%(1<<15)]); known || err != nil {
			b.Fatal(known, err)
		}
	}
}
