package node_test

import (
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"nems/client"
	"nems/internal/crashpoint"
	"nems/internal/nhs"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/store/postgres/pgtest"
)

// follower is a server whose directory follows the events of the Spine, and what
// its mailbox has received.
type follower struct {
	*testing.T
	*nodetest.Server
}

// heard publishes a message and returns, by their tags and in order, the
// subscriptions that received it; "" for none.
func (f follower) heard(code string, message []byte) string {
	f.Helper()
	publisher := f.Spine()
	if !strings.HasPrefix(code, "pds-") {
		publisher = f.Publisher()
	}
	f.Publish(publisher, message)
	return f.collected()
}

// collected returns the same for what has arrived since.
func (f follower) collected() string {
	f.Helper()
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

const gp, address, record = "pds-change-of-gp-1", "pds-change-of-address-1", "pds-record-change-1"

// databases are the kinds of database in which a service keeps its events.
var databases = map[string]func(*testing.T) string{
	"sqlite":   func(*testing.T) string { return "" },
	"postgres": func(t *testing.T) string { return pgtest.Shared(t).Database(t) },
}

var (
	lastUpdated   = regexp.MustCompile(`<lastUpdated value="[^"]*"/>`)
	namedPractice = regexp.MustCompile(`<generalPractitioner>.*?</generalPractitioner>`)
)

// outdated returns a message with the date of another year.
func outdated(message []byte) []byte {
	return lastUpdated.ReplaceAll(message, []byte(`<lastUpdated value="2020-01-01T00:00:00+00:00"/>`))
}

// nobody returns the number of a patient who is not in the directory.
func nobody(t *testing.T) nhs.NHSNumber {
	t.Helper()
	n, err := nhs.ParseNHSNumber(nodetest.Nobody)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// suspension removes the practice from a change of GP.
func suspension(message []byte) []byte { return namedPractice.ReplaceAll(message, nil) }

// TestDirectoryFollowsTheSpine checks that a change of address, a change of
// practice, a suspension and a new name each reach the subscribers that their
// pages name, although the directory does not know the change yet, and that
// later messages are routed by the new data.
func TestDirectoryFollowsTheSpine(t *testing.T) {
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			f := follower{t, nodetest.Boot(t, func(c *node.Config) { c.Database = database(t) })}
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

			jack.Postcode = "EX2 5SE" // from WF14 0BQ, according to the message
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

			newcomer := jack
			newcomer.NHSNumber, newcomer.Family = nobody(t), "NEWCOMER"
			f.want("a patient who is new", record, nodetest.MessageAbout(t, record, "new", newcomer), "")
			f.Subscribe(f.Leeds(), about(nodetest.Nobody)+vaccinations+"&tag=nobody", leeds)
			f.want("the newcomer", "vaccinations-1", nodetest.MessageAbout(t, "vaccinations-1", "new", newcomer), "nobody")

			const former = "9990000042" // superseded by somebody who lives in X2C4Y
			f.Subscribe(f.Leeds(), about(former)+"&MessageHeader.event="+record+vaccinations+"&tag=former", leeds)
			superseded := nodetest.Patient(t, former)
			named := superseded
			named.Family, named.Given, named.Postcode = "FORMERLY", []string{"Una"}, "EX2 5SE"
			f.want("a superseded number under its own name", record, nodetest.MessageAbout(t, record, "new", named), "former home-X2C4Y")
			f.want("it leads where it led", "vaccinations-1", nodetest.MessageAbout(t, "vaccinations-1", "new", superseded), "former home-X2C4Y")

			f.Stop()
			f.Server.Run()
			f.want("after a restart", "vaccinations-1", vaccinated(), "home-15N jack")
		})
	}
}

// TestDirectoryCatchesUp checks that what a crash kept from a directory is
// learnt at the next start, and that a new directory learns everything that is
// kept.
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

// TestDirectoryLearnsAfterACrash kills a process after the event is on disk and
// before its directory knows it. When it answers again, its directory must know
// it.
func TestDirectoryLearnsAfterACrash(t *testing.T) {
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			folder, kept := t.TempDir(), crashDatabase+"="+database(t)
			jack := nodetest.Patient(t, nodetest.Jack)
			c := spawn(t, folder, kept, crashpoint.Variable+"="+crashpoint.Learn)
			for _, practice := range []string{"B86056", "E82025"} {
				if _, err := c.system(nodetest.LeedsID, "RR8").Subscribe(t.Context(), client.Subscription{
					Criteria: rule("GP_GP_GP", practice) + vaccinations + "&tag=" + practice, Mailbox: leeds, Reason: "A test"}); err != nil {
					t.Fatal(err)
				}
			}
			jack.GP = "E82025"
			if _, err := c.system(nodetest.SpineID, "X26").Publish(t.Context(), nodetest.MessageAbout(t, gp, "new", jack)); err == nil {
				t.Error("the publisher was answered, though the process was to die")
			}
			_ = c.cmd.Wait() // killed, which is an error
			c.http.CloseIdleConnections()

			c = spawn(t, folder, kept)
			if _, err := c.system(nodetest.PublisherID, "A83627").Publish(t.Context(), nodetest.MessageAbout(t, "vaccinations-1", "new", jack)); err != nil {
				t.Fatal(err)
			}
			box, err := c.mailbox(leeds)
			if err != nil {
				t.Fatal(err)
			}
			ids, err := box.List(t.Context())
			if err != nil || len(ids) != 1 {
				t.Fatalf("%d copies, %v", len(ids), err)
			}
			if got, err := box.Download(t.Context(), ids[0]); err != nil || !strings.HasSuffix(got.PartnerID, "|E82025") {
				t.Errorf("the copy is for %q, %v; expected the new practice's subscription", got.PartnerID, err)
			}
			c.http.CloseIdleConnections()
			if err := c.end(syscall.SIGTERM); err != nil {
				t.Errorf("the server ended with %v", err)
			}
		})
	}
}
