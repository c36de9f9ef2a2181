package audit

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// forged makes a chain like somebody who has the database but not the key:
// every hash in it is right.
func forged(number int64, links int, heads ...Head) (out []Link) {
	c := NewChain(number, heads)
	for n := range links {
		l := c.Next(at.Add(time.Duration(n)*time.Minute), []Sealed{Seal(Entry{At: at, Action: "forged"})})
		c.Extend(l)
		out = append(out, l)
	}
	return out
}

// kept signs checkpoints of heads one after the other, as a Signer does. It
// reads them back, except the lines listed in without.
func kept(t *testing.T, without []int, heads ...[]Head) []Checkpoint {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	next := 0
	k := Signer{Key: private, Now: func() time.Time { return at.Add(time.Duration(next) * time.Minute) },
		Heads: func(context.Context) ([]Head, error) { return heads[next], nil },
		Write: func(line string) error { lines = append(lines, line); return nil }}
	for ; next < len(heads); next++ {
		if err := k.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range slices.Backward(without) {
		lines = slices.Delete(lines, n, n+1)
	}
	got, err := ReadCheckpoints(strings.NewReader(strings.Join(lines, "\n")+"\n"), public)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// says reports whether a problem contains a text.
func (r Report) says(text string) bool {
	return slices.ContainsFunc(r.Problems, func(p Problem) bool { return strings.Contains(p.String(), text) })
}

// Without the key nobody can insert a chain, rewrite the end of a chain, or remove
// checkpoints unnoticed. Links that no checkpoint binds are not vouched for.
func TestWhatTheDatabaseAloneCanForge(t *testing.T) {
	links := day() // chain 1, and chain 2 that binds its end
	end := links[len(links)-1].Head()
	checkpoints := kept(t, nil, []Head{links[1].Head()}, []Head{links[2].Head()}, []Head{end})
	if r := verified(t, links, checkpoints...); r.Found != 0 || r.Beyond.Links != 0 || r.Vouched.IsZero() {
		t.Fatalf("untouched: %+v", r)
	}
	grown := slices.Concat(links, forged(3, 4, end))
	if r := verified(t, grown, append(checkpoints, kept(t, nil, []Head{grown[len(links)].Head()})...)...); r.Found != 0 || r.Beyond.Links != 3 || r.Beyond.Entries != 3 {
		t.Errorf("a chain that has grown since: %+v", r)
	}
	if r := verified(t, links); r.Found != 0 || r.Beyond.Links != len(links) || !r.Vouched.IsZero() {
		t.Errorf("without checkpoints: %+v", r)
	}
	rewritten := slices.Concat(links[:len(links)-1], nil)
	last := links[len(links)-1]
	last.Entries = pack([]Sealed{Seal(Entry{At: at, Action: "another"})})
	root, _, err := rootOf(last.Entries)
	if err != nil {
		t.Fatal(err)
	}
	last.Hash = linkHash(&last, links[len(links)-2].Hash, root)
	rewritten = append(rewritten, last)
	for name, test := range map[string]struct {
		links       []Link
		checkpoints []Checkpoint
		says        string
	}{
		"a chain inserted":                  {slices.Concat(links, forged(3, 2)), checkpoints, "inserted"},
		"one that names the end of another": {slices.Concat(links, forged(3, 2, end)), checkpoints, "inserted"},
		"one before the others":             {slices.Concat(forged(-3, 2), links), checkpoints, "inserted"},
		"two that name each other":          {slices.Concat(links, forged(3, 2), forged(4, 2, forged(3, 2)[1].Head())), checkpoints, "inserted"},
		"the end written anew":              {rewritten, checkpoints, "differs from what a checkpoint"},
		"the end cut off":                   {links[:len(links)-1], checkpoints, "cut off"},
		"a checkpoint taken out":            {links, kept(t, []int{1}, []Head{links[0].Head()}, []Head{links[1].Head()}, []Head{end}), "checkpoints 2 to 2"},
		"checkpoints in another order":      {links, []Checkpoint{checkpoints[0], checkpoints[2], checkpoints[1]}, "checkpoint"},
		"a checkpoint twice":                {links, slices.Insert(slices.Clone(checkpoints), 1, checkpoints[0]), "does not follow"},
	} {
		if r := verified(t, test.links, test.checkpoints...); r.Found == 0 || !r.says(test.says) || !r.Vouched.IsZero() {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := verified(t, links, checkpoints[1:]...); r.Found != 0 {
		t.Errorf("the older ones put aside: %+v", r)
	}
}

// The last checkpoint of a file is compared with the ends of a database, and
// its series goes on after a restart.
func TestLastCheckpoint(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "checkpoints")
	heads := []Head{{Chain: 5, Seq: 7, Hash: Hash{1}}, {Chain: 6, Seq: 1, Hash: Hash{2}}}
	for range 3 { // starts
		last, err := LastCheckpoint(path, public)
		if err != nil {
			t.Fatal(err)
		}
		k := Signer{Key: private, Now: time.Now, Write: AppendLine(path), Last: last, Heads: func(context.Context) ([]Head, error) { return heads, nil }}
		for range 2 {
			if err := k.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	all, err := readFile(t, path, public)
	if err != nil || len(all) != 6 || all[5].Place.Number != 6 || all[5].Place.Series != all[0].Place.Series || len(gaps(all)) > 0 {
		t.Errorf("%d checkpoints, %v, %v", len(all), gaps(all), err)
	}
	if err := os.WriteFile(path, []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := LastCheckpoint(path, public); err != nil || !c.At.IsZero() {
		t.Errorf("of a file with a torn line alone: %+v, %v", c, err)
	}
	if err := os.WriteFile(path, []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LastCheckpoint(path, public); err == nil {
		t.Error("a last line that nobody signed passes")
	}
	last := Checkpoint{Heads: heads}
	for name, test := range map[string]struct {
		now  []Head
		lost int
	}{
		"as it was":            {heads, 0},
		"grown":                {[]Head{{Chain: 5, Seq: 9}, heads[1]}, 0},
		"one bound by another": {[]Head{heads[1]}, 0},
		"a later chain":        {[]Head{{Chain: 9, Seq: 1}}, 0},
		"one is shorter":       {[]Head{{Chain: 5, Seq: 6}, heads[1]}, 1},
		"one has another link": {[]Head{{Chain: 5, Seq: 7, Hash: Hash{9}}, heads[1]}, 1},
		"the last one is gone": {[]Head{heads[0]}, 1},
		"an older copy":        {[]Head{{Chain: 4, Seq: 99}}, 2},
		"nothing":              {nil, 2},
	} {
		if got := last.Lost(test.now); len(got) != test.lost {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
