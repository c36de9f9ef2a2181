package node_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"nems/internal/nhs"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/store/postgres/pgtest"
)

// follower is a server whose directory follows the events of the Spine, and what
// its mailbox has heard.
type follower struct {
	*testing.T
	*nodetest.Server
}

// heard says, by their tags, which subscriptions got the message that is
// published, in order; "" for nobody.
func (f follower) heard(code string, message []byte) string {
	f.Helper()
	publisher := f.Spine()
	if !strings.HasPrefix(code, "pds-") {
		publisher = f.Publisher()
	}
	f.Publish(publisher, message)
	var tags []string
	for _, c := range f.Collect(leeds) {
		for _, pair := range strings.Split(c.PartnerID, "~~~") {
			_, tag, _ := strings.Cut(pair, "|")
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return strings.Join(tags, " ")
}

func (f follower) want(why, code string, message []byte, tags string) {
	f.Helper()
	if got := f.heard(code, message); got != tags {
		f.Errorf("%s: heard by %q, expected %q", why, got, tags)
	}
}

var (
	lastUpdated   = regexp.MustCompile(`<lastUpdated value="[^"]*"/>`)
	namedPractice = regexp.MustCompile(`<generalPractitioner>.*?</generalPractitioner>`)
)

// outdated makes a message one of another year.
func outdated(message []byte) []byte {
	return lastUpdated.ReplaceAll(message, []byte(`<lastUpdated value="2020-01-01T00:00:00+00:00"/>`))
}

// suspension takes the practice out of a change of GP.
func suspension(message []byte) []byte { return namedPractice.ReplaceAll(message, nil) }

// A mover, a change of practice, a suspension and a new name are each heard by
// whom their pages name, though the directory knows nothing of them yet, and
// what is published afterwards goes by what they said.
func TestDirectoryFollowsTheSpine(t *testing.T) {
	for name, database := range map[string]func() string{
		"sqlite":   func() string { return "" },
		"postgres": func() string { return pgtest.Boot(t).Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			f := follower{t, nodetest.Boot(t, func(c *node.Config) { c.Database = database() })}
			const gp, address, record = "pds-change-of-gp-1", "pds-change-of-address-1", "pds-record-change-1"
			for tag, criteria := range map[string]string{
				"home-15F": rule("CHO_POSTCODE_CCG", "15F"), "home-15N": rule("CHO_POSTCODE_CCG", "15N"), "home-X2C4Y": rule("CHO_POSTCODE_CCG", "X2C4Y"),
				"gp-B86056": rule("GP_GP_GP", "B86056"), "gp-E82025": rule("GP_GP_GP", "E82025"),
				"jack": about(nodetest.Jack),
			} {
				for _, event := range []string{gp, address, record, "vaccinations-1"} {
					f.Subscribe(f.Leeds(), criteria+"&MessageHeader.event="+event+"&tag="+tag, leeds)
				}
			}
			f.Subscribe(f.Leeds(), rule("COUNTRYCODE", england)+"&MessageHeader.event="+gp+"&GPRegistration=UnregisteredOnly&tag=unregistered", leeds)

			jack := nodetest.Patient(t, nodetest.Jack)
			vaccinated := func() []byte { return nodetest.MessageAbout(t, "vaccinations-1", "new", jack) }
			f.want("at first", "vaccinations-1", vaccinated(), "gp-B86056 home-15F jack")

			jack.Postcode = "EX2 5SE" // from WF14 0BQ, says the message
			f.want("the mover", address, nodetest.MessageAbout(t, address, "new", jack), "gp-B86056 home-15N home-X2C4Y jack")
			f.want("after the move", "vaccinations-1", vaccinated(), "gp-B86056 home-15N jack")

			jack.GP = "E82025"
			f.want("another practice", gp, nodetest.MessageAbout(t, gp, "new", jack), "gp-E82025 home-15N jack")
			f.want("after the change", "vaccinations-1", vaccinated(), "gp-E82025 home-15N jack")

			jack.Given = []string{"John"}
			f.want("a new name", record, nodetest.MessageAbout(t, record, "new", jack), "gp-E82025 home-15N jack")
			f.want("under the new name", "vaccinations-1", vaccinated(), "gp-E82025 home-15N jack")

			earlier := jack
			earlier.GP, earlier.Given = "A83627", []string{"Jim"}
			f.want("an older change that comes late", gp, outdated(nodetest.MessageAbout(t, gp, "new", earlier)), "home-15N jack")
			f.want("after it", "vaccinations-1", vaccinated(), "gp-E82025 home-15N jack")

			f.want("the suspension", gp, suspension(nodetest.MessageAbout(t, gp, "new", jack)), "home-15N jack unregistered")
			f.want("after the suspension", "vaccinations-1", vaccinated(), "home-15N jack")

			nobody, err := nhs.ParseNHSNumber(nodetest.Nobody)
			if err != nil {
				t.Fatal(err)
			}
			newcomer := jack
			newcomer.NHSNumber, newcomer.Family = nobody, "NEWCOMER"
			f.want("a patient who is new", record, nodetest.MessageAbout(t, record, "new", newcomer), "")
			f.Subscribe(f.Leeds(), about(nodetest.Nobody)+vaccinations+"&tag=nobody", leeds)
			f.want("the newcomer", "vaccinations-1", nodetest.MessageAbout(t, "vaccinations-1", "new", newcomer), "nobody")

			f.Stop()
			f.Server.Run()
			f.want("after a restart", "vaccinations-1", vaccinated(), "home-15N jack")
		})
	}
}

// What a crash kept a directory from learning, it learns when it starts again;
// and a directory that is new learns everything that is kept.
func TestDirectoryCatchesUp(t *testing.T) {
	s := nodetest.Boot(t, func(c *node.Config) { c.Learning = "off" })
	f := follower{t, s}
	jack := nodetest.Patient(t, nodetest.Jack)
	f.Subscribe(f.Leeds(), rule("GP_GP_GP", "E82025")+vaccinations+"&tag=new", leeds)
	jack.GP = "E82025"
	f.Publish(f.Spine(), nodetest.MessageAbout(t, "pds-change-of-gp-1", "new", jack))
	vaccinated := func() []byte { return nodetest.MessageAbout(t, "vaccinations-1", "new", jack) }
	f.want("switched off", "vaccinations-1", vaccinated(), "")
	s.Stop()
	s.Config.Learning = "on"
	s.Run()
	f.want("after the start", "vaccinations-1", vaccinated(), "new")
}
