//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"nems/client"
	"nems/internal/directory/devworld"
	"nems/internal/operator"
	"nems/internal/store"
)

const (
	hookBox, shelfBox, queueBox = "RR8HOOK", "RR8SHELF", "RR8QUEUE"
	// channelKills is how often a node is killed.
	channelKills = 4
)

// counted is what one subscription has received over a channel: which copy each
// number stands for.
type counted struct {
	mu     sync.Mutex
	copies map[uint64]string
	last   uint64 // the newest number that came for the first time
	wrong  error  // the first thing that must not happen
}

func newCounted() *counted { return &counted{copies: map[uint64]string{}} }

// came records a copy with a number. A number that comes for the first time is the next
// one, and one that comes again stands for the same copy.
func (c *counted) came(number uint64, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, again := c.copies[number]
	switch {
	case again && before != id:
		c.wrong = errors.Join(c.wrong, fmt.Errorf("number %d stands for %s and for %s", number, before, id))
	case !again && number != c.last+1:
		c.wrong = errors.Join(c.wrong, fmt.Errorf("number %d came behind %d", number, c.last))
	}
	if !again {
		c.copies[number], c.last = id, number
	}
}

// distinct is how many events have come.
func (c *counted) distinct() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.copies)
}

// channels sends copies to a webhook, a stream, a queue and a receiver of FHIR R4, and
// signals of the MNS to a mailbox here and one at the other MESH, while nodes are killed: nothing is lost, first comers come in the order of their numbers, and
// no number is missing or stands for two events.
func channels(r *run) (line row, err error) {
	dep, err := r.newDeployment(filepath.Join(r.folder, "channels"))
	if err != nil {
		return line, err
	}
	defer dep.end()
	hook, shelf, notified := newCounted(), newCounted(), newCounted()
	receiver, err := dep.receive(hook, notified)
	if err != nil {
		return line, err
	}
	defer receiver.Close()
	id, err := dep.openChannels(receiver.Addr)
	if err != nil {
		return line, err
	}
	here, there := newSignalled(), newSignalled()
	if err := dep.subscribeSignals(); err != nil {
		return line, err
	}
	dep.also = func() error { return errors.Join(dep.pullAll(id, shelf), dep.takeSignals(here, there, hook)) }
	dep.wide = []string{queueBox}
	dep.ledger.begin("channels", leeds, national, hookBox, shelfBox, queueBox)
	for ; line.Rounds < channelKills; line.Rounds++ {
		dep.startLoad()
		dep.wait(500*time.Millisecond + time.Duration(dep.r.random()%1000)*time.Millisecond)
		p := dep.anyNode()
		p.kill()
		err := dep.revive(p)
		if err == nil {
			err = dep.recover(recoverWithin)
		}
		dep.endLoad()
		if err != nil {
			return line, err
		}
	}
	line, err = dep.finish(line)
	line.note(fmt.Sprintf("numbers: webhook %d, stream %d, R4 %d; signals of %d events here, %d twice; of %d at the other MESH, %d twice",
		hook.last, shelf.last, notified.last, here.events(), here.double, there.events(), there.double))
	if here.double > 0 || here.events() != hook.distinct() || there.events() != hook.distinct() {
		err = errors.Join(err, errors.New("a mailbox has not one signal of each event"))
	}
	if hook.last == 0 || hook.last != shelf.last || hook.last != notified.last {
		err = errors.Join(err, errors.New("the channels have not counted the same events"))
	}
	return line, errors.Join(err, hook.wrong, shelf.wrong, notified.wrong)
}

// receive starts a receiver of webhooks and of notifications, which agrees to everything.
func (dep *deployment) receive(hook, notified *counted) (*http.Server, error) {
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &http.Server{Addr: socket.Addr().String(), ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			w.Header().Set("WebHook-Allowed-Origin", "*")
			return
		}
		body, err := io.ReadAll(r.Body)
		if r.URL.Path == "/r4" {
			number, focus, event, wrong := readNotification(body)
			if err != nil || wrong != nil { // the sender died: it comes again
				w.WriteHeader(http.StatusBadGateway)
			} else if event {
				notified.came(number, focus)
			}
			return
		}
		number, wrong := strconv.ParseUint(r.Header.Get("ce-sequence"), 10, 64)
		if err != nil || wrong != nil { // the sender died: it comes again
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		hook.came(number, r.Header.Get("webhook-id"))
		dep.ledger.received(hookBox, r.Header.Get("webhook-id"), body)
		w.WriteHeader(http.StatusNoContent)
	})}
	go func() { _ = s.Serve(socket) }()
	return s, nil
}

// openChannels registers a queue, a webhook and a stream, each with a subscription, and
// subscribes to notifications. It returns the stream's subscription.
func (dep *deployment) openChannels(receiver string) (id string, err error) {
	access, err := operator.ReadAccess(dep.here.data)
	if err != nil {
		return "", err
	}
	desk := &operator.Client{Access: access, User: "torture", HTTP: dep.here.http}
	if err := dep.here.putMailboxes(operator.Mailbox{ID: queueBox, ODS: "RR8", Password: devworld.Password}); err != nil {
		return "", err
	}
	if err := dep.subscribeR4(receiver); err != nil {
		return "", err
	}
	for _, e := range []operator.Endpoint{
		{ID: "RR8SQS", ODS: "RR8", Channel: store.QueueChannel, URL: "arn:aws:sqs:eu-west-2:000000000000:" + queueBox, Form: "message"},
		{ID: hookBox, ODS: "RR8", Channel: store.WebhookChannel, URL: "http://" + receiver, Form: "message"},
		{ID: shelfBox, ODS: "RR8", Channel: store.StreamChannel, Form: "message"},
	} {
		if _, err := operator.PutEndpoint.Do(context.Background(), desk, e); err != nil {
			return "", err
		}
		if id, err = dep.subscribe(aboutJack, e.ID); err != nil {
			return "", err
		}
	}
	return id, nil
}

// pullAll reads what a stream has that was not read before, at any node, and acknowledges it.
func (dep *deployment) pullAll(id string, c *counted) error {
	at := dep.anyNode()
	reader := client.Client{URL: at.url, ASID: "200000000115", ODS: "RR8", NEMS: string(devworld.NEMS), HTTP: at.http, Now: at.now}
	for {
		page, err := reader.Pull(context.Background(), id, client.Pull{})
		if err != nil || len(page.Events) == 0 {
			return err
		}
		for _, e := range page.Events {
			if e.Event == nil {
				return fmt.Errorf("the stream has no event for number %d", e.Number)
			}
			c.came(e.Number, e.Place)
			dep.ledger.received(shelfBox, e.Place, []byte(e.Event.Data))
		}
		if _, err := reader.Ack(context.Background(), id, page.Epoch, page.Number); err != nil {
			return err
		}
	}
}
