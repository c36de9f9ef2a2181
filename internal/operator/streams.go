package operator

import (
	"cmp"
	"time"

	"nems/internal/store"
	"nems/internal/stream"
)

// keptStream is what is kept of an endpoint that subscribers read.
type keptStream struct{ stream.Endpoint }

func readStream(row store.Endpoint) (keptEndpoint, error) {
	if row.Value == nil {
		return &keptStream{}, nil
	}
	e, err := stream.Read(row)
	return &keptStream{e}, err
}

func checkStream(e Endpoint, _ *Running) error {
	switch form := stream.Form(e.Form); {
	case e.URL != "":
		return invalid("url", "url: expected none, because nothing is sent to a stream: subscribers read it")
	case form != "" && form != stream.Signal && form != stream.Message:
		return expected("form", "signal or message", e.Form)
	}
	return nil
}

// put gives out no secret: subscribers show their own tokens.
func (k *keptStream) put(e Endpoint, _ time.Time) (secret string) {
	k.Form = cmp.Or(stream.Form(e.Form), stream.Signal)
	return ""
}

func (k *keptStream) show(e *Endpoint) {
	e.Form, e.Off, e.Why, e.Since = string(k.Form), k.Off, k.Why, k.Since
}

func (k *keptStream) bound() string { return string(k.Form) }

func (k *keptStream) enable() { k.Off, k.Why, k.Since = false, "", time.Time{} }

func (k *keptStream) disable(why string, now time.Time) { k.Off, k.Why, k.Since = true, why, now }
