package crashpoint

import "testing"

func TestParse(t *testing.T) {
	for text, passages := range map[string]int{"": 0, "migrate": 1, "migrate:3": 3, "migrate:0": 0, "migrate:x": 0, ":2": 0} {
		p := parse(text)
		if (p != nil) != (passages > 0) {
			t.Errorf("%q: armed is %v", text, p != nil)
			continue
		}
		for n := 1; n <= passages; n++ {
			if p.reached("another") {
				t.Errorf("%q: another point kills", text)
			}
			if got := p.reached("migrate"); got != (n == passages) {
				t.Errorf("%q: passage %d: kills is %v", text, n, got)
			}
		}
	}
}

// A point that is not armed costs next to nothing, because points are on the busiest paths.
func BenchmarkHit(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Hit(BeforeCommit)
	}
}
