package audit

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// readFile reads a checkpoint file.
func readFile(t *testing.T, path string, key ed25519.PublicKey) ([]Checkpoint, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return ReadCheckpoints(f, key)
}

// Wherever the writing of a line is cut short, the checkpoints before it are
// read, the incomplete line is reported, and the next checkpoint gets a line of
// its own.
func TestTornLine(t *testing.T) {
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(heads int) string {
		return Checkpoint{At: at, Heads: slices.Repeat([]Head{{Chain: 1, Seq: 2, Hash: Hash{3}}}, heads)}.Sign(key)
	}
	path, line, long := filepath.Join(t.TempDir(), "checkpoints"), signed(1), signed(100)
	tear := func(before, torn string, cut int) {
		if err := os.WriteFile(path, []byte(before+torn[:cut]), 0o600); err != nil {
			t.Fatal(err)
		}
		whole := strings.Count(before, "\n")
		if cut == len(torn) {
			whole++ // only its line end is missing
		}
		got, err := readFile(t, path, public)
		if len(got) != whole || errors.Is(err, ErrTorn) != (cut > 0 && cut < len(torn)) || err != nil && !errors.Is(err, ErrTorn) {
			t.Errorf("%d bytes behind %d: %d checkpoints, %v", cut, len(before), len(got), err)
		}
		if err := AppendLine(path)(line); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != before+line+"\n" {
			t.Errorf("%d bytes behind %d: left %q, %v", cut, len(before), b, err)
		}
	}
	for _, before := range []string{"", line + "\n", line + "\n" + line + "\n"} {
		for cut := range len(line) + 1 {
			tear(before, line, cut)
		}
		// The search for the last whole line goes back in steps of 4,096 bytes.
		for _, cut := range []int{4094, 4095, 4096, 4097, 4096 - len(line), 8192 - len(line), len(long)} {
			tear(before, long, min(cut, len(long)))
		}
	}
}

// A line for which the disk has no room is removed again, and leaves no trace
// once there is room.
func TestFailedAppendIsTakenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoints")
	write := AppendLine(path)
	if err := write("first"); err != nil {
		t.Fatal(err)
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	// No file of this process may grow beyond ten bytes, which cuts the next line in half.
	full := before
	full.Cur = 10
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		t.Skipf("the size of files cannot be limited: %v", err)
	}
	failed := write("the second")
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(failed, syscall.EFBIG) {
		t.Errorf("expected that there is no room, got %v", failed)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "first\n" {
		t.Errorf("left: %q, %v", b, err)
	}
	if err := write("third"); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "first\nthird\n" {
		t.Errorf("in the end: %q, %v", b, err)
	}
}
