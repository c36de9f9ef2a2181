package nation

import (
	"cmp"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"

	"nems/internal/catalogue/example"
	"nems/internal/world"
)

// person is somebody of the sample.
type person struct {
	world.Person
	home world.Household
}

// child reports whether somebody is under five, but was born.
func (p person) child(now time.Time) bool {
	born, err := time.Parse(time.DateOnly, p.Born)
	return err == nil && born.AddDate(5, 0, 0).After(now)
}

// message makes a message of an event about somebody. Those of the Spine carry what
// changes; what is not chosen is as the person's record has it.
func (p person) message(event string, kind *Kind, r *rand.Rand) ([]byte, error) {
	about := example.Patient{
		NHSNumber: p.NHSNumber, Family: p.Family, Given: strings.Join(p.Given, " "), BirthDate: p.Born, Gender: p.Gender,
		Postcode: p.home.Postcode, Practice: cmp.Or(p.Practice, "B86056"),
	}
	g := example.Generator{NewID: uuid.NewString, Now: time.Now, Choices: example.Choices{Left: kind.Name == "deregistered", OldPractice: "E82025"}}
	if kind.Name == "died" && r.IntN(2) == 0 {
		g.Choices.Death = "1"
	}
	return g.Message(event, "new", about)
}
