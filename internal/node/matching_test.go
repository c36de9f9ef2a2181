package node_test

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nems/client"
	"nems/internal/node"
	"nems/internal/node/nodetest"
)

// boxes are the mailboxes that the situations use.
var boxes = []string{leeds, national, national2}

// TestSituations tests each situation in a world of its own: every mailbox must
// hold exactly what is expected.
func TestSituations(t *testing.T) {
	for n, situation := range situations {
		t.Run(situation.name, func(t *testing.T) {
			t.Parallel()
			played := situation.prepare(t, nodetest.Boot(t), n)
			played.publish(t)
			played.compare(t, true)
		})
	}
}

// TestSituationsTogether tests all situations in one world: first all
// subscriptions are made, then the messages are published one after the other.
// Tags distinguish the situations.
func TestSituationsTogether(t *testing.T) {
	s := nodetest.Boot(t)
	var all []*play
	for n, situation := range situations {
		all = append(all, situation.prepare(t, s, n))
	}
	for _, played := range all {
		played.publish(t)
		t.Run(played.name, func(t *testing.T) { played.compare(t, false) })
	}
}

// play is a situation in a world.
type play struct {
	situation
	s       *nodetest.Server
	message []byte
	prefix  string            // of the situation's tags
	ids     map[string]string // of the subscriptions, by tag as in want
	deleted []func(t *testing.T)
}

// prepare creates the subscriptions.
func (st situation) prepare(t *testing.T, s *nodetest.Server, n int) *play {
	t.Helper()
	p := &play{situation: st, s: s, ids: map[string]string{}, prefix: fmt.Sprintf("s%02d-", n)}
	for _, a := range st.asks {
		owner := s.Leeds()
		if !strings.EqualFold(a.mailbox, leeds) {
			owner = s.National()
		}
		criteria := a.criteria
		if a.tag != "" {
			criteria += "&tag=" + p.prefix + a.tag
		}
		created, err := owner.Subscribe(context.Background(), client.Subscription{Criteria: criteria, Mailbox: a.mailbox, Reason: "A test", End: a.end})
		if err != nil {
			t.Fatalf("subscribe %s: %v", criteria, err)
		}
		p.ids[a.tag] = created.ID
		if a.deleted {
			p.deleted = append(p.deleted, func(t *testing.T) {
				if err := owner.Unsubscribe(context.Background(), created.ID); err != nil {
					t.Fatalf("delete: %v", err)
				}
			})
		}
	}
	p.message = st.compose(t)
	return p
}

// compose returns the message of the situation.
func (st situation) compose(t *testing.T) []byte {
	t.Helper()
	if st.message != nil {
		return st.message(t)
	}
	code, kind := "vaccinations-1", "new"
	if st.event != "" {
		code = st.event
	}
	if st.kind != "" {
		kind = st.kind
	}
	return nodetest.Message(t, code, kind, st.about)
}

// publish deletes the situation's deleted subscriptions, sets the clock to its
// moment and publishes its message.
func (p *play) publish(t *testing.T) {
	t.Helper()
	for _, unsubscribe := range p.deleted {
		unsubscribe(t)
	}
	if !p.at.IsZero() {
		p.s.Clock.Set(p.at)
	}
	publisher := p.s.Publisher()
	if strings.HasPrefix(p.event, "pds-") {
		publisher = p.s.Spine()
	}
	for range max(p.times, 1) {
		p.s.Publish(publisher, p.message)
	}
}

// compare empties the mailboxes and compares their copies with what is wanted.
// A situation that is alone in its world is compared with all of them; among
// others, only its own tags are compared.
func (p *play) compare(t *testing.T, alone bool) {
	t.Helper()
	for _, box := range boxes {
		want, wanted := p.want[box]
		copies := p.s.Collect(box)
		switch {
		case !wanted && alone && len(copies) > 0:
			t.Errorf("%s: expected no copy; received %d", box, len(copies))
		case wanted && len(copies) != max(p.times, 1):
			t.Errorf("%s: expected %d copies; received %d", box, max(p.times, 1), len(copies))
		}
		for _, c := range copies {
			if !bytes.Equal(c.Body, p.message) {
				t.Errorf("%s: the copy is not the message that was published", box)
			}
			if diff := cmp.Diff(p.partners(want), p.own(c.PartnerID, alone)); diff != "" {
				t.Errorf("%s: partner id (-want +got):\n%s", box, diff)
			}
		}
	}
}

// partners returns the `id|tag` pairs for tags separated by blanks, sorted.
func (p *play) partners(tags string) []string {
	var pairs []string
	for _, tag := range strings.Fields(tags) {
		if tag != untagged {
			pairs = append(pairs, p.ids[tag]+"|"+p.prefix+tag)
		}
	}
	slices.Sort(pairs)
	return pairs
}

// own returns the pairs of a partner id, sorted. Pairs of other situations are
// left out unless the situation is alone.
func (p *play) own(partner string, alone bool) []string {
	var pairs []string
	for pair := range strings.SplitSeq(partner, "~~~") {
		if pair != "" && (alone || strings.Contains(pair, "|"+p.prefix)) {
			pairs = append(pairs, pair)
		}
	}
	slices.Sort(pairs)
	return pairs
}

var oldPostcode = regexp.MustCompile(`(?s)(<use value="old"/>.*?<postalCode value=")[^"]*`)

// changeOfAddress returns a change of address away from a postcode.
func changeOfAddress(t testing.TB, number, from string) []byte {
	t.Helper()
	message := nodetest.Message(t, "pds-change-of-address-1", "new", number)
	if !oldPostcode.Match(message) {
		t.Fatal("the example of a change of address has no old address")
	}
	return oldPostcode.ReplaceAll(message, []byte("${1}"+from))
}

var (
	routingNumber = regexp.MustCompile(`(?s)<extension url="nhsNumber">.*?</extension>`)
	identifier    = regexp.MustCompile(`(?s)<identifier>.*?</identifier>`)
)

// birthWithoutMother returns a birth of Baby FARROW without the mother's
// number: neither the routing demographics nor her Patient resource have it.
func birthWithoutMother(t testing.TB) []byte {
	t.Helper()
	const mother = "9990000204"
	message := nodetest.Message(t, "pds-birth-notification-1", "new", mother)
	message = routingNumber.ReplaceAll(message, nil)
	message = identifier.ReplaceAllFunc(message, func(one []byte) []byte {
		if bytes.Contains(one, []byte(mother)) {
			return nil
		}
		return one
	})
	if bytes.Contains(message, []byte(mother)) {
		t.Fatal("the mother's number is still in the message")
	}
	return message
}

// TestUnknownPatientsAccepted checks that, if the operator allows it, an event
// about a patient who is not in the directory is matched on what the message
// contains.
func TestUnknownPatientsAccepted(t *testing.T) {
	s := nodetest.Boot(t, func(c *node.Config) { c.UnknownPatients = "accept" })
	stranger := nodetest.Patient(t, nodetest.Jack)
	message := nodetest.Replace(t, nodetest.MessageAbout(t, "vaccinations-1", "new", stranger), nodetest.Jack, nodetest.Nobody)
	s.Subscribe(s.Leeds(), about(nodetest.Nobody)+vaccinations, leeds)
	s.Subscribe(s.National(), rule("COUNTRYCODE", england)+vaccinations+"&GPRegistration=UnregisteredOnly", national)
	s.Publish(s.Publisher(), message)
	if n := len(s.Collect(leeds)); n != 1 {
		t.Errorf("by NHS number: expected 1 copy; received %d", n)
	}
	if n := len(s.Collect(national)); n != 0 {
		t.Errorf("whether the patient has a practice is not known, so that filter matches nothing; received %d copies", n)
	}
}

// TestManualActivation checks that a subscription does not match until it is approved.
func TestManualActivation(t *testing.T) {
	s := nodetest.Boot(t, func(c *node.Config) { c.Activation = "manual" })
	id := s.Subscribe(s.Leeds(), about(nodetest.Jack)+vaccinations, leeds)
	s.Publish(s.Publisher(), nodetest.Message(t, "vaccinations-1", "new", nodetest.Jack))
	if n := len(s.Collect(leeds)); n != 0 {
		t.Errorf("expected no copy before the approval; received %d", n)
	}
	read, err := s.Leeds().Read(context.Background(), id)
	if err != nil || read.Status != "requested" {
		t.Errorf("expected the status requested; received %q, %v", read.Status, err)
	}
}
