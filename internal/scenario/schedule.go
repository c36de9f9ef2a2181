package scenario

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/goccy/go-yaml"
)

//go:embed data/vaccinations.yaml
var vaccinationsFile []byte

// vaccinations is data/vaccinations.yaml.
type vaccinations struct {
	Vaccines map[string]vaccine `yaml:"vaccines"`
	Schedule []visit            `yaml:"schedule"`
	Reasons  map[string]Code    `yaml:"reasons"`
}

type vaccine struct {
	Procedure Code         `yaml:"procedure"`
	Doses     map[int]dose `yaml:"doses"`
	Product   Code         `yaml:"product"`
	Oral      bool         `yaml:"oral"`
	Targets   []Code       `yaml:"targets"`
}

// dose has codes of its own where they exist.
type dose struct {
	Procedure Code `yaml:"procedure"`
	NotDone   Code `yaml:"not-done"`
}

// visit is one appointment of the schedule.
type visit struct {
	Age        string         `yaml:"age"`
	BornFrom   string         `yaml:"born-from"`
	BornBefore string         `yaml:"born-before"`
	At         string         `yaml:"at"` // practice or school
	Encounter  Code           `yaml:"encounter"`
	Give       map[string]int `yaml:"give"` // vaccine: dose
	span       Span
}

// routine reads the schedule once.
var routine = sync.OnceValues(func() (*vaccinations, error) {
	var v vaccinations
	if err := yaml.UnmarshalWithOptions(vaccinationsFile, &v, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("scenario: vaccinations: %w", err)
	}
	for i := range v.Schedule {
		at := &v.Schedule[i]
		var err error
		if at.span, err = ParseSpan(at.Age); err != nil {
			return nil, fmt.Errorf("scenario: vaccinations: age %q: expected %w", at.Age, err)
		}
		for name, number := range at.Give {
			if _, known := v.Vaccines[name].Doses[number]; !known {
				return nil, fmt.Errorf("scenario: vaccinations: there is no dose %d of %q", number, name)
			}
		}
	}
	return &v, nil
})

// Vaccines lists the vaccines of the schedule.
func (v *vaccinations) names() []string { return slices.Sorted(maps.Keys(v.Vaccines)) }

// visits returns the appointments for somebody born on a day (YYYY-MM-DD).
func (v *vaccinations) visits(born string) (out []visit) {
	for _, at := range v.Schedule {
		if (at.BornFrom == "" || born >= at.BornFrom) && (at.BornBefore == "" || born < at.BornBefore) {
			out = append(out, at)
		}
	}
	return out
}

// visit returns the appointment at which a dose is due, or the one with ad hoc
// immunisations.
func (v *vaccinations) visitOf(born, name string, number int) visit {
	for _, at := range v.visits(born) {
		if at.Give[name] == number {
			return at
		}
	}
	return visit{At: "practice", Encounter: Code{"0027", "Ad-hoc Immunisation"}}
}

// deed describes one vaccination on a day, given or not.
func (v *vaccinations) deed(name string, number int, encounter Code, day time.Time, reason string) Vaccinated {
	vac := v.Vaccines[name]
	d := Vaccinated{Vaccine: name, Dose: number, Procedure: vac.Procedure, Product: vac.Product, Targets: vac.Targets, Encounter: encounter, Date: day.Format(time.DateOnly)}
	own := vac.Doses[number]
	if own.Procedure.Code != "" {
		d.Procedure = own.Procedure
	}
	if reason != "" {
		d.NotGiven, d.Reason = true, v.Reasons[reason]
		if own.NotDone.Code != "" {
			d.Procedure = own.NotDone // GP Connect: else the procedure that was intended
		}
	}
	return d
}
