package node_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"nems/client"
	"nems/internal/audit"
	"nems/internal/mesh"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
)

const aboutJack = "/Bundle?type=message&Patient.identifier=https://fhir.nhs.uk/Id/nhs-number|" + nodetest.Jack + "&MessageHeader.event=vaccinations-1"

// find returns the entries of the audit that a filter selects.
func (p *production) find(f operator.Filter) (found []operator.Record) {
	p.t.Helper()
	for r, err := range operator.Each(context.Background(), p.operator, operator.SearchAudit, operator.Matching(f)) {
		if err != nil {
			p.t.Fatal(err)
		}
		found = append(found, r)
	}
	return found
}

// leedsInbox returns Leeds' mailbox, accessed with a certificate.
func (p *production) leedsInbox(certificate string) *client.Mailbox {
	p.t.Helper()
	box, err := client.NewMailbox(client.MailboxConfig{
		URL: p.mesh, ID: nodetest.LeedsBox, Password: boxPassword, SharedKey: meshKey, HTTP: p.caller(p.client(certificate)), Now: p.Clock.Now,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return box
}

// lister returns a function that asks for Leeds' inbox with a token and returns
// the status. It uses one connection with Leeds' certificate.
func (p *production) lister() func(token string) int {
	caller := p.caller(p.client(leedsName))
	return func(token string) int {
		p.t.Helper()
		return p.list(caller, token)
	}
}

func (p *production) list(caller *http.Client, token string) int {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.mesh+"/messageexchange/"+nodetest.LeedsBox+"/inbox", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", token)
	answer, err := caller.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil { // or the connection would end
		p.t.Fatal(err)
	}
	return answer.StatusCode
}

// TestWhoSawWhat asks the audit who has received a message about a patient, and
// who was refused access to a mailbox.
func TestWhoSawWhat(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	ctx, box := t.Context(), p.leedsInbox(leedsName)
	p.HTTP = p.caller(p.client(leedsName))
	p.Subscribe(p.Leeds(), aboutJack, nodetest.LeedsBox)
	p.HTTP = p.caller(p.client(publisherName))
	if a := p.publish(); a.Status != 202 {
		t.Fatalf("publish: %d", a.Status)
	}
	ids, err := box.List(ctx)
	if err != nil || len(ids) == 0 {
		t.Fatalf("%d in the inbox, %v", len(ids), err)
	}
	if _, err := box.Download(ctx, ids[0]); err != nil {
		t.Fatal(err)
	}
	if err := box.Acknowledge(ctx, ids[0]); err != nil {
		t.Fatal(err)
	}
	if err := p.leedsInbox(nationalName).Handshake(ctx); err == nil {
		t.Error("another's certificate opens the mailbox")
	}
	signer := mesh.NewSigner(nodetest.LeedsBox, boxPassword, []byte(meshKey))
	token := signer.Token(p.Clock.Now())
	list := p.lister()
	if first, again := list(token), list(token); first != 200 || again != 403 {
		t.Errorf("a token twice: %d, %d", first, again)
	}
	for _, action := range []audit.Action{"download", "acknowledge"} {
		p.eventually("the "+string(action)+" is found under the patient", func() bool {
			found := p.find(operator.Filter{Patient: nodetest.Jack, Action: action, Outcome: "ok"})
			return len(found) == 1 && found[0].Certificate == leedsName && found[0].Mailbox == nodetest.LeedsBox && found[0].Object == ids[0] && found[0].ODS == "RR8"
		})
	}
	p.eventually("refusals are found with certificate and mailbox", func() bool {
		var who []string
		for _, r := range p.find(operator.Filter{Outcome: "refused"}) {
			if r.Mailbox == nodetest.LeedsBox {
				who = append(who, string(r.Action)+" "+r.Certificate+": "+r.Outcome)
			}
		}
		slices.Sort(who)
		return slices.Equal(who, []string{"handshake " + nationalName + ": Invalid Authentication Token", "list " + leedsName + ": Error Duplicated Authentication Token"})
	})
}

// TestRefusedTokensDoNotFloodTheAudit checks that guesses at a token are counted like other
// refusals.
func TestRefusedTokensDoNotFloodTheAudit(t *testing.T) {
	t.Parallel()
	p := bootProduction(t)
	const guesses = 60
	wrong, list := mesh.NewSigner(nodetest.LeedsBox, "guessed", []byte(meshKey)), p.lister()
	for range guesses {
		if status := list(wrong.Token(p.Clock.Now())); status != 403 {
			t.Fatalf("a guess: %d", status)
		}
	}
	p.eventually("each guess is recorded or counted", func() bool {
		p.Clock.Set(p.Clock.Now().Add(2 * time.Second)) // the second in which the guesses are counted ends
		entries, told := 0, 0
		for _, r := range p.find(operator.Filter{Action: "list", Outcome: "Invalid Authentication Token"}) {
			entries, told = entries+1, told+max(r.Count, 1)
		}
		return told == guesses && entries < guesses/2
	})
}
