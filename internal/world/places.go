package world

import (
	"context"
	_ "embed"
	"fmt"
	"sync"

	"github.com/goccy/go-yaml"

	"nems/internal/directory/devworld"
	"nems/internal/nhs"
)

//go:embed data/places.yaml
var placesFile []byte

// place is a town in data/places.yaml.
type place struct {
	Town           string        `yaml:"town"`
	Share          int           `yaml:"share"`
	SubICB         string        `yaml:"sub-icb"`
	LocalAuthority string        `yaml:"local-authority"`
	Country        string        `yaml:"country"`
	Hospital       string        `yaml:"hospital"`
	ChildHealth    string        `yaml:"child-health"`
	Practices      []string      `yaml:"practices"`
	Streets        yaml.MapSlice `yaml:"streets"` // postcode: [street, locality]
}

type settled struct {
	towns  []Town
	shares []int
}

// places reads the towns once. Names of organisations come from the development
// world.
var places = sync.OnceValues(func() (settled, error) {
	var all []place
	if err := yaml.UnmarshalWithOptions(placesFile, &all, yaml.Strict()); err != nil {
		return settled{}, fmt.Errorf("world: places: %w", err)
	}
	known, err := devworld.New()
	if err != nil {
		return settled{}, err
	}
	organisation := func(code string) Organisation {
		o, failed := known.Organisation(context.Background(), nhs.ODSCode(code))
		if failed != nil && err == nil {
			err = fmt.Errorf("world: places: %s: %w", code, failed)
		}
		return Organisation{Code: code, Name: o.Name, SubICB: string(o.SubICB)}
	}
	var s settled
	for _, p := range all {
		t := Town{
			Name: p.Town, SubICB: p.SubICB, LocalAuthority: p.LocalAuthority, Country: p.Country,
			Hospital: organisation(p.Hospital), ChildHealth: organisation(p.ChildHealth),
		}
		for _, code := range p.Practices {
			t.Practices = append(t.Practices, organisation(code))
		}
		for _, item := range p.Streets {
			names, _ := item.Value.([]any)
			t.Streets = append(t.Streets, Street{Postcode: fmt.Sprint(item.Key), Name: fmt.Sprint(names[0]), Locality: fmt.Sprint(names[1])})
		}
		s.towns, s.shares = append(s.towns, t), append(s.shares, p.Share)
	}
	return s, err
})
