package r4

import (
	"net/http"
	"time"
)

type (
	parametersJSON struct {
		ResourceType string          `json:"resourceType"`
		Parameter    []parameterJSON `json:"parameter"`
	}
	parameterJSON struct {
		Name             string `json:"name"`
		ValueInstant     string `json:"valueInstant,omitempty"`
		ValueUnsignedInt *int64 `json:"valueUnsignedInt,omitempty"`
		ValueString      string `json:"valueString,omitempty"`
	}
)

// test sends a heartbeat to the endpoint of a subscription now, and says what came of it.
// The guide has no such operation.
func (a *API) test(x *exchange) error {
	if _, err := x.input(""); err != nil {
		return err
	}
	if _, err := a.find(x.r.Context(), x, x.object); err != nil { // it may be one made elsewhere
		return err
	}
	did, err := a.Broker.TestEndpoint(x.r.Context(), x.caller, x.object)
	if err != nil {
		return err
	}
	x.recorded = true
	out := parametersJSON{ResourceType: "Parameters", Parameter: []parameterJSON{
		{Name: "at", ValueInstant: did.At.UTC().Format(time.RFC3339Nano)},
		{Name: "milliseconds", ValueUnsignedInt: new(did.Took.Milliseconds())},
	}}
	if did.Status > 0 {
		out.Parameter = append(out.Parameter, parameterJSON{Name: "status", ValueUnsignedInt: new(int64(did.Status))})
	}
	if did.Why != "" {
		out.Parameter = append(out.Parameter, parameterJSON{Name: "why", ValueString: did.Why})
	}
	return x.show(http.StatusOK, out)
}
