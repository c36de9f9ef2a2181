package world

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed data/names.yaml
var namesFile []byte

// community is people who choose their names from the same lists.
type community struct {
	Share  int              `yaml:"share"`
	Family []string         `yaml:"family"`
	Female map[int][]string `yaml:"female"` // by the year from which they were common
	Male   map[int][]string `yaml:"male"`
}

// communities reads the lists once.
var communities = sync.OnceValues(func() ([]community, error) {
	var all []community
	if err := yaml.UnmarshalWithOptions(namesFile, &all, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("world: names: %w", err)
	}
	return all, nil
})

// namer chooses names.
type namer struct {
	random
	all     []community
	weights []int
}

func newNamer(r random) (namer, error) {
	all, err := communities()
	n := namer{random: r, all: all}
	for _, c := range all {
		n.weights = append(n.weights, c.Share)
	}
	return n, err
}

// community chooses a community, as often as it is there.
func (n namer) community() community { return n.all[n.weighted(n.weights...)] }

// given chooses given names that were common in a year.
func (n namer) given(c community, gender string, year int) []string {
	lists := c.Female
	if gender == male {
		lists = c.Male
	}
	first := pick(n.random, common(lists, year))
	names := []string{first}
	if n.percent(55) {
		names = append(names, pick(n.random, common(lists, year-n.between(0, 30))))
	}
	if n.percent(6) {
		names = append(names, pick(n.random, common(lists, year-n.between(20, 60))))
	}
	if len(names) > 1 && slices.Contains(names[1:], first) {
		names = names[:1]
	}
	return names
}

// common returns the list of the latest year that is not after year.
func common(lists map[int][]string, year int) []string {
	best, earliest := 0, 0
	for from := range lists {
		if from <= year {
			best = max(best, from)
		}
		if earliest == 0 || from < earliest {
			earliest = from
		}
	}
	return lists[cmp.Or(best, earliest)]
}

// double joins two family names, unless one of them is joined already.
func double(a, b string) string {
	if a == b || strings.ContainsAny(a+b, "- ") {
		return a
	}
	return a + "-" + b
}
