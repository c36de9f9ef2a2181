package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"nems/internal/nhs"
)

var at = time.Date(2026, 3, 1, 9, 0, 0, 123_000, time.UTC)

func jack(t testing.TB) nhs.NHSNumber {
	n, err := nhs.ParseNHSNumber("9912003888")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEntryComesBack(t *testing.T) {
	number := jack(t)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		e := Entry{
			At:     time.UnixMicro(rapid.Int64Range(-62135596800000000, 253402300799999999).Draw(t, "at")).UTC(),
			Action: Action(text.Draw(t, "action")), Certificate: text.Draw(t, "certificate"), ASID: nhs.ASID(text.Draw(t, "asid")),
			ODS: nhs.ODSCode(text.Draw(t, "ods")), User: text.Draw(t, "user"), Reason: text.Draw(t, "reason"),
			Interaction: text.Draw(t, "interaction"), Object: text.Draw(t, "object"), EventType: text.Draw(t, "type"),
			Mailbox: text.Draw(t, "mailbox"), Outcome: text.Draw(t, "outcome"), Status: rapid.Int().Draw(t, "status"), Count: rapid.Int().Draw(t, "count"),
		}
		if rapid.Bool().Draw(t, "patient") {
			e.Patient = number
		}
		if rapid.Bool().Draw(t, "request") {
			e.Request = uuid.New()
		}
		b := e.Encode()
		got, err := Decode(b)
		if err != nil || got != e {
			t.Fatalf("%+v came back as %+v: %v", e, got, err)
		}
		if _, err := Decode(b[:len(b)-1]); !errors.Is(err, ErrEncoding) {
			t.Fatalf("cut: %v", err)
		}
		if _, err := Decode(append(b, 0)); !errors.Is(err, ErrEncoding) {
			t.Fatalf("longer: %v", err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(Entry{At: at, Action: "publish", Patient: jack(f), Status: 202}.Encode())
	f.Add(Entry{At: at, Action: "publish", Status: 202, Request: uuid.Max}.Encode())
	f.Add([]byte{encodingVersion, 0xff, 0xff})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Decode(b)
		if err != nil {
			return
		}
		if again, err := Decode(e.Encode()); err != nil || again != e {
			t.Errorf("what was decoded does not come back: %v", err)
		}
	})
}

// day makes two chains with links of different sizes; the second chain binds
// the first.
func day() []Link {
	var links []Link
	grow := func(c *Chain, sizes ...int) {
		for i, n := range sizes {
			var entries []Sealed
			for j := range n {
				entries = append(entries, Seal(Entry{At: at, Action: "publish", Object: string(rune('a' + j)), Status: 202}))
			}
			l := c.Next(at.Add(time.Duration(i)*time.Second), entries)
			c.Next(at, entries[:1]) // this batch is rolled back
			c.Extend(l)
			links = append(links, l)
		}
	}
	first := NewChain(1, nil)
	grow(first, 1, 2, 3, 7)
	grow(NewChain(2, []Head{first.Head()}), 8, 1)
	return links
}

func verified(t testing.TB, links []Link, checkpoints ...Checkpoint) Report {
	t.Helper()
	r, err := Verify(func(yield func(Link, error) bool) {
		for _, l := range links {
			if !yield(l, nil) {
				return
			}
		}
	}, checkpoints)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVerify(t *testing.T) {
	links := day()
	last := Checkpoint{At: at.Add(time.Hour), Heads: []Head{links[5].Head()}}
	earlier := Checkpoint{At: at.Add(time.Minute), Heads: []Head{links[3].Head()}}
	r := verified(t, links, earlier, last)
	if r.Found != 0 || r.Links != 6 || r.Entries != 22 || r.Chains != 2 || !r.Vouched.Equal(last.At) {
		t.Errorf("report: %+v", r)
	}
	if r := verified(t, links); r.Found != 0 || !r.Vouched.IsZero() {
		t.Errorf("without a checkpoint: %+v", r)
	}
	if r := verified(t, links[:5], earlier); r.Found != 1 || !r.says("inserted") {
		t.Errorf("a chain that no checkpoint names yet: %+v", r)
	}
	changed := func(i int, change func(*Link)) []Link {
		out := slices.Clone(links)
		change(&out[i])
		return out
	}
	forged := NewChain(2, nil)
	for name, wrong := range map[string][]Link{
		"entry edited":          changed(1, func(l *Link) { l.Entries = bytes.Replace(l.Entries, []byte("publish"), []byte("Publish"), 1) }),
		"entry removed":         changed(3, func(l *Link) { l.Entries = l.Entries[:len(l.Entries)/7*6] }),
		"entries unreadable":    changed(3, func(l *Link) { l.Entries = []byte{200} }),
		"moment edited":         changed(2, func(l *Link) { l.At = l.At.Add(time.Second) }),
		"hash edited":           changed(2, func(l *Link) { l.Hash[5] ^= 1 }),
		"number edited":         changed(2, func(l *Link) { l.Seq = 9 }),
		"binding removed":       changed(4, func(l *Link) { l.Heads = nil }),
		"binding edited":        changed(4, func(l *Link) { l.Heads = []Head{links[2].Head()} }),
		"binding in the middle": changed(5, func(l *Link) { l.Heads = []Head{links[2].Head()} }),
		"link removed":          slices.Delete(slices.Clone(links), 1, 2),
		"first link removed":    links[1:],
		"link repeated":         slices.Insert(slices.Clone(links), 1, links[1]),
		"links exchanged":       {links[0], links[2], links[1], links[3], links[4], links[5]},
		"chain removed":         links[4:],
		"last chain removed":    links[:4],
		"cut off":               links[:5],
		"cut off in the middle": {links[0], links[1], links[2], links[4], links[5]},
		"chain forged":          append(slices.Clone(links[:4]), forged.Next(at, []Sealed{Seal(Entry{Action: "forged"})})),
		"nothing":               nil,
	} {
		if r := verified(t, wrong, earlier, last); r.Found == 0 || len(r.Problems) == 0 || !r.Vouched.IsZero() {
			t.Errorf("%s was not found", name)
		}
	}
}

// A checkpoint exposes a node that edits a link and recomputes all hashes after it.
func TestRewrittenChainIsFoundByCheckpoint(t *testing.T) {
	links := day()
	rewritten := NewChain(1, nil)
	var all []Link
	for range 4 {
		l := rewritten.Next(at, []Sealed{Seal(Entry{Action: "another story"})})
		rewritten.Extend(l)
		all = append(all, l)
	}
	if r := verified(t, all); r.Found != 0 {
		t.Errorf("a consistent chain: %v", r.Problems)
	}
	if r := verified(t, all, Checkpoint{At: at, Heads: []Head{links[3].Head()}}); r.Found == 0 {
		t.Error("a rewritten chain passed for what the checkpoint had seen")
	}
}

func TestVerifyStopsAtErrors(t *testing.T) {
	broken := errors.New("disk")
	_, err := Verify(func(yield func(Link, error) bool) { yield(Link{}, broken) }, nil)
	if !errors.Is(err, broken) {
		t.Errorf("expected the error of the source, got %v", err)
	}
}

func TestReportIsLimited(t *testing.T) {
	links := make([]Link, 500)
	for i := range links {
		links[i] = Link{Chain: 1, Seq: 7, Entries: []byte{200}}
	}
	if r := verified(t, links); len(r.Problems) != maxProblems || r.Found < 500 {
		t.Errorf("%d problems of %d", len(r.Problems), r.Found)
	}
}

func TestHeadsComeBack(t *testing.T) {
	heads := []Head{{Chain: 1, Seq: 2, Hash: Hash{3}}, {Chain: -4, Seq: 1 << 60, Hash: Hash{31: 9}}}
	got, err := DecodeHeads(EncodeHeads(heads))
	if err != nil || !slices.Equal(got, heads) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := DecodeHeads(make([]byte, 47)); !errors.Is(err, ErrEncoding) {
		t.Errorf("47 bytes: %v", err)
	}
}

func TestCheckpoints(t *testing.T) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	heads := []Head{{Chain: 1, Seq: 2, Hash: Hash{3}}, {Chain: 5, Seq: 6, Hash: Hash{7}}}
	path := filepath.Join(t.TempDir(), "checkpoints")
	now := at
	k := Signer{
		Heads: func(context.Context) ([]Head, error) { return heads, nil },
		Key:   key, Now: func() time.Time { now = now.Add(time.Minute); return now }, Write: AppendLine(path),
	}
	for range 3 {
		if err := k.Checkpoint(t.Context()); err != nil {
			t.Error(err)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := ReadCheckpoints(f, public)
	if err != nil || len(all) != 3 {
		t.Fatalf("%d checkpoints, %v", len(all), err)
	}
	if !all[1].At.Equal(at.Add(2*time.Minute)) || !slices.Equal(all[1].Heads, heads) {
		t.Errorf("it came back as %+v", all[1])
	}
	line := Checkpoint{At: at, Heads: heads}.Sign(key)
	otherKey, _, _ := ed25519.GenerateKey(rand.Reader)
	for name, c := range map[string]struct {
		line string
		key  ed25519.PublicKey
	}{
		"another key":     {line, otherKey},
		"no key":          {line, nil},
		"edited":          {strings.Replace(line, ":6:", ":4:", 1), public},
		"cut":             {line[:len(line)-4], public},
		"empty":           {"", public},
		"no signature":    {formOne + " x", public},
		"another content": {signed("something else", key), public},
		"no moment":       {signed(formOne+" yesterday", key), public},
		"no head":         {signed(formOne+" 2026-03-01T09:00:00Z 1:2", key), public},
		"no place":        {signed(formTwo+" 2026-03-01T09:00:00Z", key), public},
		"half a place":    {signed(formTwo+" 2026-03-01T09:00:00Z ab:1", key), public},
		"half a hash":     {signed(formOne+" 2026-03-01T09:00:00Z 1:2:00", key), public},
	} {
		if _, err := ParseCheckpoint(c.line, c.key); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadCheckpoints(strings.NewReader(line+"\n\nx\n"), public); err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("expected line 3, got %v", err)
	}
}

func TestSignerReportsFailures(t *testing.T) {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	broken := errors.New("disk full")
	k := Signer{Heads: func(context.Context) ([]Head, error) { return []Head{{Chain: 1, Seq: 1}}, nil }, Key: key, Now: time.Now,
		Write: func(string) error { return broken }}
	if err := k.Checkpoint(t.Context()); !errors.Is(err, broken) {
		t.Errorf("expected the failure of writing, got %v", err)
	}
	k.Heads = func(context.Context) ([]Head, error) { return nil, nil }
	if err := k.Checkpoint(t.Context()); err != nil {
		t.Errorf("nothing to sign: %v", err)
	}
}

func TestThrottle(t *testing.T) {
	throttle := NewThrottle(10)
	admitted := 0
	refusal := Entry{At: at, Action: "publish", ASID: "200000000115", Outcome: "ACCESS_DENIED", Status: 403, Object: "x", Patient: jack(t)}
	for range 25 {
		admitted += len(throttle.Admit(refusal))
	}
	other := refusal
	other.ASID = "200000000116"
	if got := throttle.Admit(other); admitted != 10 || len(got) != 1 {
		t.Errorf("admitted %d, and %d of another caller", admitted, len(got))
	}
	if got := throttle.Flush(at.Add(100 * time.Millisecond)); len(got) != 0 {
		t.Errorf("the second is not over: %+v", got)
	}
	got := throttle.Flush(at.Add(time.Second))
	want := Entry{At: at, Action: "publish", ASID: "200000000115", Outcome: "ACCESS_DENIED", Status: 403, Count: 15}
	if len(got) != 1 || got[0] != want {
		t.Errorf("counted: %+v", got)
	}
	if got := throttle.Flush(at.Add(2 * time.Second)); len(got) != 0 {
		t.Errorf("counted twice: %+v", got)
	}
	refusal.At = at.Add(3 * time.Second)
	if got := throttle.Admit(refusal); len(got) != 1 {
		t.Errorf("a new second: %+v", got)
	}
}

func TestThrottleIsBounded(t *testing.T) {
	throttle := NewThrottle(1)
	admitted := 0
	for i := range 3 * maxCallers {
		e := Entry{At: at, Certificate: "CN=" + strings.Repeat("x", i%7) + string(rune(i+0x4e00))}
		admitted += len(throttle.Admit(e))
	}
	if len(throttle.callers) > maxCallers+1 || admitted > maxCallers+1 {
		t.Errorf("%d callers, %d admitted", len(throttle.callers), admitted)
	}
	counted := 0
	for _, e := range throttle.Flush(at.Add(time.Second)) {
		counted += e.Count
	}
	if admitted+counted != 3*maxCallers {
		t.Errorf("%d admitted, %d counted of %d", admitted, counted, 3*maxCallers)
	}
}

func BenchmarkSealAndChain(b *testing.B) {
	c := NewChain(1, nil)
	e := Entry{At: at, Action: "publish", ASID: "300000000161", ODS: "A83627", User: "https://example.org/1", Interaction: "urn:nhs:names:services:events:PublishVaccinations.Write", Status: 202}
	b.ReportAllocs()
	var entries []Sealed
	for b.Loop() {
		entries = append(entries, Seal(e))
		if len(entries) == 16 {
			c.Extend(c.Next(at, entries))
			entries = entries[:0]
		}
	}
}
