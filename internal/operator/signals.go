package operator

import (
	"time"

	"nems/internal/form"
	"nems/internal/store"
)

// keptSignal is what is kept of where a subscription of the MNS has its signals go.
type keptSignal struct{ form.Target }

func readSignal(row store.Endpoint) (keptEndpoint, error) {
	if row.Value == nil {
		return &keptSignal{}, nil
	}
	t, err := form.ReadTarget(row)
	return &keptSignal{t}, err
}

// put changes nothing: nobody registers one.
func (*keptSignal) put(Endpoint, time.Time) (secret string) { return "" }

func (k *keptSignal) show(e *Endpoint) {
	e.URL, e.Form, e.Off, e.Why, e.Since = k.Endpoint, k.Payload, k.Off, k.Why, k.Since
}

func (k *keptSignal) bound() string { return k.Payload + " " + k.Endpoint }

func (k *keptSignal) enable() { k.Off, k.Why, k.Since = false, "", time.Time{} }

func (k *keptSignal) disable(why string, now time.Time) { k.Off, k.Why, k.Since = true, why, now }
