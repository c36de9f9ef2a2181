package nhs

import "testing"

func TestTestNumbers(t *testing.T) {
	seen, none := map[string]bool{}, 0
	for n := range 22_000 {
		number, exists := TestNumber(n)
		if !exists {
			none++
			continue
		}
		if again, err := ParseNHSNumber(number.Digits()); err != nil || again != number || number.Digits()[:3] != "999" {
			t.Fatalf("%d: %s, %v", n, number.Digits(), err)
		}
		seen[number.Digits()] = true
	}
	if none != 2_000 || len(seen) != 20_000 {
		t.Errorf("%d numbers, %d without a check digit", len(seen), none)
	}
	for _, n := range []int{-1, TestNumbers} {
		if _, exists := TestNumber(n); exists {
			t.Errorf("%d is in the range", n)
		}
	}
}
