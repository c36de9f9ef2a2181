package receiver_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"nems/receiver"
)

func point(n int64) receiver.Known {
	return receiver.Known{MessageID: fmt.Sprint("m", n), Kind: "new", Point: receiver.Point{Number: n, Time: time.Date(2026, 1, 1, 0, 0, int(n), 500, time.UTC)}}
}

func mustDo(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever is done to a memory, and whenever it is reopened, it answers as
// three maps would.
func TestFileMemoryIsThreeMaps(t *testing.T) {
	folder := t.TempDir()
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		if run++; run > 25 {
			return // every step waits for the disk, so a hundred runs take too long
		}
		path := filepath.Join(folder, fmt.Sprint(run))
		open := func() *receiver.FileMemory {
			m, err := receiver.OpenMemory(path, receiver.MemoryOptions{})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		m := open()
		defer func() { _ = m.Close() }()
		finished, newest, attempts := map[string]bool{}, map[string]int64{}, map[string]int{}
		key, sequence := rapid.SampledFrom([]string{"a", "b", "c"}), rapid.SampledFrom([]string{"", "x", "y"})
		t.Repeat(map[string]func(*rapid.T){
			"finish": func(t *rapid.T) {
				k, s, n := key.Draw(t, "key"), sequence.Draw(t, "sequence"), rapid.Int64Range(1, 50).Draw(t, "number")
				if err := m.Finish(k, s, point(n)); err != nil {
					t.Fatal(err)
				}
				finished[k], newest[s] = true, max(newest[s], n)
				delete(attempts, k)
			},
			"attempt": func(t *rapid.T) {
				k, n := key.Draw(t, "key"), rapid.IntRange(0, 9).Draw(t, "n")
				if err := m.Attempt(k, n); err != nil {
					t.Fatal(err)
				}
				attempts[k] = n
			},
			"reopen": func(t *rapid.T) {
				if err := m.Close(); err != nil {
					t.Fatal(err)
				}
				m = open()
			},
			"": func(t *rapid.T) {
				for _, k := range []string{"a", "b", "c"} {
					if f, err := m.Finished(k); f != finished[k] || err != nil {
						t.Fatalf("finished %q: %v, %v", k, f, err)
					}
					if n, err := m.Attempts(k); n != attempts[k] || err != nil {
						t.Fatalf("attempts of %q: %d, %v", k, n, err)
					}
				}
				for _, s := range []string{"x", "y"} {
					if p, err := m.Newest(s); p.Number != newest[s] || err != nil || newest[s] > 0 && !p.Time.Equal(point(newest[s]).Time) {
						t.Fatalf("newest of %q: %v, %v", s, p, err)
					}
				}
			},
		})
	})
}

// Cut off at any byte, the file opens with all complete records and accepts
// further ones.
func TestFileMemoryCutShortAnywhere(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "memory")
	m := openMemory(t, path, newClock())
	var ends []int
	for i := range 3 {
		mustDo(t, m.Finish(fmt.Sprint("key", i), "s", point(int64(i+1))))
		whole, err := os.ReadFile(path)
		mustDo(t, err)
		ends = append(ends, len(whole))
	}
	mustDo(t, m.Close())
	whole, err := os.ReadFile(path)
	mustDo(t, err)
	for size := 0; size < len(whole); size += 1 + size%5 { // each waits for the disk
		cut := filepath.Join(folder, fmt.Sprint("cut", size))
		mustDo(t, os.WriteFile(cut, whole[:size], 0o600))
		m := openMemory(t, cut, newClock())
		mustDo(t, m.Finish("later", "", receiver.Known{}))
		mustDo(t, m.Close())
		m = openMemory(t, cut, newClock())
		for i, end := range ends {
			if got, _ := m.Finished(fmt.Sprint("key", i)); got != (size >= end) {
				t.Errorf("cut at %d of %d: record %d finished %v", size, len(whole), i, got)
			}
		}
		if got, _ := m.Finished("later"); !got {
			t.Errorf("cut at %d: what was written afterwards is lost", size)
		}
		mustDo(t, m.Close())
	}
}

func TestFileMemoryRefusesWhatItDidNotWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory")
	m := openMemory(t, path, newClock())
	for i := range 3 {
		mustDo(t, m.Finish(fmt.Sprint(i), "", receiver.Known{}))
	}
	mustDo(t, m.Close())
	whole, err := os.ReadFile(path)
	mustDo(t, err)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	spoilt := bytes.Clone(whole)
	spoilt[len(lines[0])+5] ^= 1
	for name, content := range map[string][]byte{
		"a record in the middle": spoilt,
		"another kind of file":   []byte("precious notes\nof somebody\n"),
		"one line of another":    []byte("precious notes"),
		"no header":              bytes.Join(lines[1:], nil),
	} {
		mustDo(t, os.WriteFile(path, content, 0o600))
		if _, err := receiver.OpenMemory(path, receiver.MemoryOptions{}); !errors.Is(err, receiver.ErrDamaged) {
			t.Errorf("%s: want ErrDamaged, got %v", name, err)
		}
		after, err := os.ReadFile(path)
		mustDo(t, err)
		if !bytes.Equal(after, content) {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

// The earliest and latest times that can be parsed do not damage the file.
func TestFileMemoryTakesAnyTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory")
	for _, text := range []string{"9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00.000000001Z"} {
		at, err := time.Parse(time.RFC3339Nano, text)
		mustDo(t, err)
		m := openMemory(t, path, newClock())
		mustDo(t, m.Finish("k", text, receiver.Known{Point: receiver.Point{Time: at}}))
		mustDo(t, m.Close())
		m = openMemory(t, path, newClock())
		if p, err := m.Newest(text); !p.Time.Equal(at) || err != nil {
			t.Errorf("%s came back as %s, %v", text, p.Time, err)
		}
		mustDo(t, m.Close())
	}
}

func TestFileMemoryHasOneUser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory")
	m := openMemory(t, path, newClock())
	if _, err := receiver.OpenMemory(path, receiver.MemoryOptions{}); !errors.Is(err, receiver.ErrInUse) {
		t.Errorf("want ErrInUse, got %v", err)
	}
	mustDo(t, m.Close())
	mustDo(t, openMemory(t, path, newClock()).Close())
}

// The file does not grow without bound, neither with the number of messages nor
// with their age, and it remembers the latest.
func TestFileMemoryIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory")
	c := newClock()
	options := receiver.MemoryOptions{Now: c.Now, MaxEntries: 100, MaxAge: time.Hour}
	m, err := receiver.OpenMemory(path, options)
	mustDo(t, err)
	var largest int64
	for i := range 1300 {
		mustDo(t, m.Attempt(fmt.Sprint(i), 1))
		mustDo(t, m.Finish(fmt.Sprint(i), fmt.Sprint(i%1200), point(int64(i))))
		info, err := os.Stat(path)
		mustDo(t, err)
		largest = max(largest, info.Size())
	}
	if largest > 250_000 {
		t.Errorf("the file grew to %d bytes", largest)
	}
	mustDo(t, m.Close())
	m, err = receiver.OpenMemory(path, options)
	mustDo(t, err)
	defer m.Close()
	for _, i := range []int{1299, 1250, 1201} {
		if got, _ := m.Finished(fmt.Sprint(i)); !got {
			t.Errorf("%d is forgotten", i)
		}
	}
	if got, _ := m.Finished("1100"); got {
		t.Error("1100 is still remembered")
	}
	c.advance(2 * time.Hour)
	if got, _ := m.Finished("1299"); got {
		t.Error("remembered beyond its age")
	}
	if p, _ := m.Newest("99"); !p.IsZero() {
		t.Error("a sequence is remembered beyond its age")
	}
}

// A clock that was wrong for a while is neither a reason to forget, nor to remember
// for longer than MaxAge once it is right.
func TestFileMemoryOutlivesAWrongClock(t *testing.T) {
	const day = 24 * time.Hour
	for _, wrong := range []time.Duration{10 * 365 * day, -50 * 365 * day, 3 * time.Hour, -3 * time.Hour} {
		for _, restarts := range []bool{false, true} {
			path, c := filepath.Join(t.TempDir(), "memory"), newClock()
			m := openMemory(t, path, c)
			reopen := func() {
				if restarts {
					mustDo(t, m.Close())
					m = openMemory(t, path, c)
				}
			}
			mustDo(t, m.Finish("before", "", point(1)))
			c.advance(time.Minute + wrong)
			reopen()
			mustDo(t, m.Finish("during", "s", point(2)))
			c.advance(time.Minute - wrong)
			reopen()
			mustDo(t, m.Finish("after", "", point(3)))
			want := func(when string, remembered bool) {
				t.Helper()
				for _, key := range []string{"before", "during", "after"} {
					if got, err := m.Finished(key); got != remembered || err != nil {
						t.Errorf("wrong by %s, restarts %t, %s: what was finished %s the wrong time is remembered: %t, %v", wrong, restarts, when, key, got, err)
					}
				}
				if p, err := m.Newest("s"); p.IsZero() == remembered || err != nil {
					t.Errorf("wrong by %s, restarts %t, %s: the sequence is %v, %v", wrong, restarts, when, p, err)
				}
			}
			want("at once", true)
			c.advance(90*day - time.Hour)
			want("before 90 days", true)
			c.advance(time.Hour + 4*time.Hour)
			want("after 90 days", false)
			mustDo(t, m.Close())
		}
	}
}

func TestFileMemoryHidesNumbers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "memory")
	m := openMemory(t, path, newClock())
	mustDo(t, m.Finish("event|code|id", "source|9990000026|code", point(1)))
	mustDo(t, m.Close())
	content, err := os.ReadFile(path)
	mustDo(t, err)
	if bytes.Contains(content, []byte("9990000026")) {
		t.Error("the file holds an NHS number")
	}
	info, err := os.Stat(path)
	mustDo(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %s", info.Mode())
	}
}

// Any file is either refused or opens as a memory that works.
func FuzzOpenMemory(f *testing.F) {
	path := filepath.Join(f.TempDir(), "memory")
	m, err := receiver.OpenMemory(path, receiver.MemoryOptions{})
	mustDo(f, err)
	mustDo(f, m.Attempt("a", 2))
	mustDo(f, m.Finish("b", "s", point(3)))
	mustDo(f, m.Close())
	whole, err := os.ReadFile(path)
	mustDo(f, err)
	f.Add(whole)
	f.Add(whole[:len(whole)-7])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "memory")
		mustDo(t, os.WriteFile(path, content, 0o600))
		m, err := receiver.OpenMemory(path, receiver.MemoryOptions{})
		if errors.Is(err, receiver.ErrDamaged) {
			return
		}
		mustDo(t, err)
		mustDo(t, m.Finish("key", "", receiver.Known{}))
		mustDo(t, m.Close())
		m, err = receiver.OpenMemory(path, receiver.MemoryOptions{})
		mustDo(t, err)
		if got, _ := m.Finished("key"); !got {
			t.Error("what was finished is forgotten")
		}
		mustDo(t, m.Close())
	})
}

func BenchmarkFinish(b *testing.B) {
	for _, path := range []string{"", filepath.Join(b.TempDir(), "memory")} {
		b.Run(map[bool]string{true: "process", false: "file"}[path == ""], func(b *testing.B) {
			m := openMemory(b, path, newClock())
			defer m.Close()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				mustDo(b, m.Finish(fmt.Sprint(i), "source|9990000026|code", point(1)))
				i++
			}
		})
	}
}
