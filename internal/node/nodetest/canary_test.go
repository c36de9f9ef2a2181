package nodetest

import "testing"

func TestLeakedFindsPatients(t *testing.T) {
	for text, want := range map[string]int{
		"publish 9912003888 refused": 1, "DAWKINS and OKONKWO": 2, "Bearer eyJhbGciOiJub25lIn0": 1,
		"asid=300000000161 status=202 code=": 0,
	} {
		if got := leaked(text); len(got) != want {
			t.Errorf("%q: %d secrets found, want %d", text, len(got), want)
		}
	}
}
