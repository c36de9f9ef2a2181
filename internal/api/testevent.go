package api

import (
	"net/http"
	"strconv"
	"time"

	"nems/internal/fhir"
)

// test sends a test event to the endpoint of a subscription, and says what came of it
// (extension).
func (a *API) test(x *exchange) error {
	did, err := a.Broker.TestEndpoint(x.r.Context(), x.caller, x.object)
	if err != nil {
		return err
	}
	x.recorded = true
	w := fhir.NewWriter("Parameters")
	value := func(name, kind, value string) {
		w.Open("parameter").Value("name", name).Value(kind, value).Close()
	}
	value("at", "valueInstant", did.At.UTC().Format(time.RFC3339Nano))
	value("milliseconds", "valueUnsignedInt", strconv.FormatInt(did.Took.Milliseconds(), 10))
	if did.Status > 0 {
		value("status", "valueUnsignedInt", strconv.Itoa(did.Status))
	}
	if did.Why != "" {
		value("why", "valueString", did.Why)
	}
	x.w.Header().Set("Cache-Control", "no-store")
	x.write(http.StatusOK, w.Bytes())
	return nil
}
