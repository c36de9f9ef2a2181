package operator

import (
	"cmp"
	"time"

	"nems/internal/sqs"
	"nems/internal/store"
)

// keptQueue is what is kept of a queue that copies go to.
type keptQueue struct{ queue sqs.Endpoint }

func readQueue(row store.Endpoint) (keptEndpoint, error) {
	if row.Value == nil {
		return &keptQueue{}, nil
	}
	e, err := sqs.Read(row)
	return &keptQueue{e}, err
}

func checkQueue(e Endpoint, _ *Running) error {
	switch sqs.Form(e.Form) {
	case "", sqs.Signal, sqs.MNS, sqs.Message:
		return nil
	}
	return expected("form", "signal, mns or message", e.Form)
}

// put gives out no secret: what signs is a key of the service's file.
func (k *keptQueue) put(e Endpoint, _ time.Time) (secret string) {
	q := &k.queue
	q.Endpoint, q.Region, q.Key, q.Form = e.URL, e.Region, e.Key, cmp.Or(sqs.Form(e.Form), sqs.Signal)
	return ""
}

// form is what the queue is sent.
func (k *keptQueue) form() string { return cmp.Or(string(k.queue.Form), k.queue.Payload) }

func (k *keptQueue) show(e *Endpoint) {
	q := &k.queue
	e.URL, e.Region, e.Key, e.Form, e.Off, e.Why, e.Since = q.Endpoint, q.Region, q.Key, k.form(), q.Off, q.Why, q.Since
}

func (k *keptQueue) bound() string {
	return k.form() + " " + k.queue.Endpoint + " " + k.queue.Region + " " + k.queue.Key
}

func (k *keptQueue) enable() { k.queue.Off, k.queue.Why, k.queue.Since = false, "", time.Time{} }

func (k *keptQueue) disable(why string, now time.Time) {
	k.queue.Off, k.queue.Why, k.queue.Since = true, why, now
}

func (k *keptQueue) Pack() []byte { return k.queue.Pack() }
