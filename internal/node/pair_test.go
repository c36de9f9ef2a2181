package node_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"nems/client"
	"nems/internal/directory/devworld"
	"nems/internal/node"
	"nems/internal/node/nodetest"
	"nems/internal/operator"
	"nems/internal/store"
)

// lossy is a MESH with a bad connection: a tenth of its replies get lost, half
// of them before the call was made, half after it.
type lossy struct {
	mesh http.Handler
	// forgetful: it no longer tracks by local id, as MESH has announced.
	forgetful bool

	mu      sync.Mutex
	dice    *rand.Rand
	undone  int // sends lost before they were made
	unheard int // sends made whose reply got lost
	asked   int // trackings by local id
}

// newLossy serves a lossy MESH in front of a NEMS.
func newLossy(t *testing.T, behind string, forgetful bool) (*lossy, string) {
	t.Helper()
	target, err := url.Parse(behind)
	if err != nil {
		t.Fatal(err)
	}
	proxy, transport := httputil.NewSingleHostReverseProxy(target), &http.Transport{MaxIdleConnsPerHost: 64}
	proxy.Transport = transport
	l := &lossy{mesh: proxy, forgetful: forgetful, dice: rand.New(rand.NewPCG(5, 5))}
	server := httptest.NewUnstartedServer(l)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	t.Cleanup(func() { server.Close(); transport.CloseIdleConnections() })
	return l, server.URL
}

// fate decides about a call: whether it is made, and whether its reply arrives.
func (l *lossy) fate(send, tracking bool) (made, heard bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lost, late := l.dice.Float64() < 0.1, l.dice.Float64() < 0.5
	switch {
	case tracking:
		l.asked++
	case send && lost && late:
		l.unheard++
	case send && lost:
		l.undone++
	}
	return !lost || late, !lost
}

func (l *lossy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	send := r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/outbox")
	tracking := strings.Contains(r.URL.Path, "/outbox/tracking/")
	made, heard := l.fate(send, tracking)
	answer := w
	if !heard {
		answer = httptest.NewRecorder()
	}
	switch {
	case !made:
	case tracking && l.forgetful:
		http.NotFound(answer, r)
	default:
		l.mesh.ServeHTTP(answer, r)
	}
	if !heard {
		panic(http.ErrAbortHandler) // ends the connection without an answer
	}
}

// pair is a NEMS with another one as its MESH, which serves the boxes.
type pair struct {
	t           *testing.T
	here, there *nodetest.Server
	desk        *operator.Client // of here
	line        *lossy
	boxes       []string
}

func bootPair(t *testing.T, boxes int, forgetful bool) *pair {
	t.Helper()
	p := &pair{t: t, there: nodetest.Boot(t)}
	var at string
	p.line, at = newLossy(t, p.there.URL, forgetful)
	p.here = nodetest.Boot(t, func(c *node.Config) {
		c.RemoteMESH = node.RemoteMESH{URL: at, SharedKey: devworld.SharedKey, Password: devworld.Password}
	})
	var local, remote []operator.Mailbox
	for n := range boxes {
		id := fmt.Sprintf("RR8BOX%d", n)
		p.boxes = append(p.boxes, id)
		local = append(local, operator.Mailbox{ID: id, ODS: "RR8", Password: devworld.Password})
		remote = append(remote, operator.Mailbox{ID: id, ODS: "RR8", Remote: true})
	}
	p.desk = p.deskOf(p.here)
	for desk, all := range map[*operator.Client][]operator.Mailbox{p.desk: remote, p.deskOf(p.there): local} {
		if err := operator.PutMailboxes.Run(context.Background(), desk, all); err != nil {
			t.Fatal(err)
		}
	}
	for _, box := range p.boxes {
		p.here.Subscribe(p.here.Leeds(), about(nodetest.Jack)+vaccinations, box)
	}
	return p
}

func (p *pair) deskOf(s *nodetest.Server) *operator.Client {
	p.t.Helper()
	access, err := operator.ReadAccess(s.Config.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	return &operator.Client{Access: access, User: "tester", HTTP: s.HTTP}
}

// publish sends this many messages, several at a time, and returns them.
func (p *pair) publish(events int) [][]byte {
	p.t.Helper()
	jack, all := nodetest.Patient(p.t, nodetest.Jack), make([][]byte, events)
	publisher := p.here.Publisher()
	var calls errgroup.Group
	calls.SetLimit(8)
	for n := range all {
		all[n] = nodetest.MessageAbout(p.t, "vaccinations-1", "new", jack)
		calls.Go(func() error {
			_, err := publisher.Publish(context.Background(), all[n])
			return err
		})
	}
	if err := calls.Wait(); err != nil {
		p.t.Fatal(err)
	}
	return all
}

// in counts the deliveries in a state, up to most.
func (p *pair) in(state store.State, most int) (n int) {
	p.t.Helper()
	for _, err := range operator.Each(context.Background(), p.desk, operator.FindDeliveries, operator.Matching(operator.DeliveryFilter{State: state})) {
		if err != nil {
			p.t.Fatal(err)
		}
		if n++; n == most {
			break
		}
	}
	return n
}

// deliver waits until no delivery waits. The clock runs twenty times as fast,
// and a claim is still long enough for the slowest call.
func (p *pair) deliver(within time.Duration) {
	p.t.Helper()
	tick, until := time.NewTicker(20*time.Millisecond), time.Now().Add(within)
	defer tick.Stop()
	for p.in(store.Waiting, 1) > 0 {
		if <-tick.C; time.Now().After(until) {
			p.t.Fatalf("%d deliveries still wait after %s", p.in(store.Waiting, -1), within)
		}
		p.here.Clock.Set(p.here.Clock.Now().Add(400 * time.Millisecond))
	}
}

// arrived downloads what the MESH has for the boxes, each in its order.
func (p *pair) arrived() [][]client.Copy {
	p.t.Helper()
	all := make([][]client.Copy, len(p.boxes))
	var calls errgroup.Group
	calls.SetLimit(4)
	for n, id := range p.boxes {
		box := p.there.Mailbox(id)
		calls.Go(func() (err error) {
			all[n], err = collect(box)
			return err
		})
	}
	if err := calls.Wait(); err != nil {
		p.t.Fatal(err)
	}
	return all
}

// collect downloads what a mailbox lists: everything, if it is less than a page.
func collect(box *client.Mailbox) (copies []client.Copy, err error) {
	ids, err := box.List(context.Background())
	if len(ids) >= 500 {
		return nil, errors.New("more messages than one page lists")
	}
	for _, id := range ids {
		c, err := box.Download(context.Background(), id)
		if err != nil {
			return nil, err
		}
		copies = append(copies, c)
	}
	return copies, err
}

// tally compares what arrived in one box with what was published. It returns
// how many messages are missing, how many copies are repeats, and how many of
// these do not have the local id of the first.
func tally(published [][]byte, copies []client.Copy) (missing, repeats, strange int) {
	localID, known := map[string]string{}, map[string]bool{}
	for _, m := range published {
		known[string(m)] = true
	}
	for _, c := range copies {
		first, repeated := localID[string(c.Body)]
		switch {
		case !known[string(c.Body)]: // changed on the way
			strange++
		case !repeated:
			localID[string(c.Body)] = c.LocalID
		default:
			if repeats++; first != c.LocalID || first == "" {
				strange++
			}
		}
	}
	return len(published) - len(localID), repeats, strange
}

// raceEnabled reports whether the race detector is on, which makes a store in
// pure Go many times slower.
func raceEnabled() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// TestPairOnABadLine delivers through another NEMS as the MESH while a tenth of
// its replies get lost. No copy may be missing or changed. A copy may be
// repeated only if its reply was lost and the MESH could not be asked about it,
// and then with the same local id.
func TestPairOnABadLine(t *testing.T) {
	boxes, events := 25, 80
	if testing.Short() || raceEnabled() {
		boxes, events = 8, 20
	}
	for name, forgetful := range map[string]bool{"tracked": false, "untracked": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // both wait for the disk most of the time
			p := bootPair(t, boxes, forgetful)
			published := p.publish(events)
			p.deliver(time.Minute)
			if sent, parked := p.in(store.Sent, -1), p.in(store.Parked, -1); sent != boxes*events || parked != 0 {
				t.Errorf("%d sent and %d parked of %d", sent, parked, boxes*events)
			}
			repeats := 0
			for n, copies := range p.arrived() {
				missing, again, strange := tally(published, copies)
				if missing != 0 || strange != 0 {
					t.Errorf("%s: %d missing, %d altered or repeated under another local id", p.boxes[n], missing, strange)
				}
				repeats += again
			}
			p.judge(repeats, boxes*events)
		})
	}
}

// judge compares the repeats with the replies that got lost.
func (p *pair) judge(repeats, deliveries int) {
	p.t.Helper()
	l := p.line
	p.t.Logf("%d deliveries; lost: %d sends, %d replies to sends; %d trackings; %d repeats", deliveries, l.undone, l.unheard, l.asked, repeats)
	if lost := l.undone + l.unheard; lost < deliveries/40 || l.unheard == 0 || l.asked < lost {
		p.t.Errorf("%d sends lost, %d trackings: this proves nothing", lost, l.asked)
	}
	want := 0 // tracking finds what had arrived
	if l.forgetful {
		want = l.unheard
	}
	if repeats != want {
		p.t.Errorf("%d repeats, want %d: %d replies were lost", repeats, want, l.unheard)
	}
}
