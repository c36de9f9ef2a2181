package scenario

import (
	"testing"
	"time"
)

// verhoeff is the check of SNOMED CT's identifiers.
func verhoeff(id string) bool {
	multiply := func(a, b int) int {
		switch {
		case a < 5 && b < 5:
			return (a + b) % 5
		case a < 5:
			return 5 + (a+b-5)%5
		case b < 5:
			return 5 + (a-5-b+5)%5
		}
		return (a - b + 5) % 5
	}
	permuted := []int{1, 5, 7, 6, 2, 8, 3, 0, 9, 4}
	check := 0
	for i := range len(id) {
		digit := int(id[len(id)-1-i] - '0')
		for range i % 8 {
			digit = permuted[digit]
		}
		check = multiply(check, digit)
	}
	return check == 0
}

func TestCodesOfTheSchedule(t *testing.T) {
	v, err := routine()
	if err != nil {
		t.Fatal(err)
	}
	if !verhoeff("308081000000105") || verhoeff("308081000000104") {
		t.Fatal("the check of this test is wrong")
	}
	valid := func(what string, codes ...Code) {
		for _, c := range codes {
			if c.Code != "" && !verhoeff(c.Code) || (c.Code == "") != (c.Display == "") {
				t.Errorf("%s: %q %q", what, c.Code, c.Display)
			}
		}
	}
	for name, vac := range v.Vaccines {
		valid(name, vac.Procedure, vac.Product)
		valid(name, vac.Targets...)
		if vac.Procedure.Code == "" || vac.Product.Code == "" || len(vac.Targets) == 0 || len(vac.Doses) == 0 {
			t.Errorf("%s is not whole", name)
		}
		for _, d := range vac.Doses {
			valid(name, d.Procedure, d.NotDone)
		}
	}
	for name, c := range v.Reasons {
		valid(name, c)
	}
}

// Whoever keeps all appointments gets each dose once, one after the other.
func TestEachDoseOnce(t *testing.T) {
	v, err := routine()
	if err != nil {
		t.Fatal(err)
	}
	for _, born := range []string{"2020-05-05", "2024-06-30", "2024-07-01", "2026-03-02"} {
		given, before := map[string]int{}, time.Time{}
		day, _ := time.Parse(time.DateOnly, born)
		for _, at := range v.visits(born) {
			if on := at.span.After(day); on.Before(before) {
				t.Errorf("%s: %s comes too late", born, at.Age)
			} else {
				before = on
			}
			for name, number := range at.Give {
				if given[name] != number-1 {
					t.Errorf("%s: dose %d of %s after %d", born, number, name, given[name])
				}
				given[name] = number
			}
		}
		if given["MMRV"] != 2 || given["HPV"] != 1 || given["MenB"] != 3 {
			t.Errorf("%s: %v", born, given)
		}
	}
}

func TestSpans(t *testing.T) {
	day := time.Date(2024, 1, 31, 9, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"3d": "2024-02-03 09:00", "8 weeks": "2024-03-27 09:00", "1mo": "2024-02-29 09:00", "1y 1 month": "2025-02-28 09:00",
		"2h 30min": "2024-01-31 11:30", "1d 2h": "2024-02-01 11:00", "12 months": "2025-01-31 09:00",
	} {
		s, err := ParseSpan(text)
		if got := s.After(day).Format("2006-01-02 15:04"); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "3", "d", "3x", "-3d", "3d 4", "1.5d", "999999999d"} {
		if s, err := ParseSpan(text); err == nil {
			t.Errorf("%q is %+v", text, s)
		}
	}
}
