package operator

import (
	"time"

	"nems/internal/guard"
	"nems/internal/store"
	"nems/internal/webhook"
)

// keptWebhook is what is kept of a webhook.
type keptWebhook struct{ webhook.Endpoint }

func readWebhook(row store.Endpoint) (keptEndpoint, error) {
	if row.Value == nil {
		return &keptWebhook{}, nil
	}
	e, err := webhook.Read(row)
	return &keptWebhook{e}, err
}

func checkWebhook(e Endpoint, running *Running) error {
	if err := guard.CheckURL(e.URL, running.Plain); err != nil {
		return invalid("url", "url: %s", err)
	}
	if form := webhook.Form(e.Form); form != "" && form != webhook.Signal && form != webhook.Message && form != webhook.MNS {
		return expected("form", "signal, message or mns", e.Form)
	}
	return nil
}

// put: another URL needs the receiver's consent anew.
func (k *keptWebhook) put(e Endpoint, now time.Time) (secret string) {
	if k.URL != e.URL {
		k.Consented = time.Time{}
	}
	if k.URL, k.Form = e.URL, webhook.Form(e.Form); k.Form == "" {
		k.Form = webhook.Signal
	}
	if k.Secret == "" {
		return k.rotate(now)
	}
	return ""
}

func (k *keptWebhook) show(e *Endpoint) {
	e.URL, e.Form, e.Off, e.Why, e.Since = k.URL, string(k.Form), k.Off, k.Why, k.Since
	e.Consented, e.Rate, e.Rotating = k.Consented, k.Rate, k.PreviousUntil
}

func (k *keptWebhook) bound() string { return string(k.Form) + " " + k.URL }

func (k *keptWebhook) rotate(now time.Time) (secret string) {
	k.Rotate(now)
	return k.Secret
}

// enable has the receiver asked for its consent anew.
func (k *keptWebhook) enable() {
	k.Off, k.Why, k.Since, k.Consented = false, "", time.Time{}, time.Time{}
}

func (k *keptWebhook) disable(why string, now time.Time) { k.Bar(why, now) }
