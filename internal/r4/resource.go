package r4

import (
	"fmt"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"nems/internal/form"
	"nems/internal/guard"
	"nems/internal/refuse"
	"nems/internal/webhook"
)

// URLs of the extensions and of the profile (input/fsh/BackportSubscription.fsh).
const (
	backport   = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
	profile    = backport + "backport-subscription"
	filterURL  = backport + "backport-filter-criteria"
	contentURL = backport + "backport-payload-content"
	typeURL    = backport + "backport-channel-type"
	beatURL    = backport + "backport-heartbeat-period"
	timeoutURL = backport + "backport-timeout"
	mostURL    = backport + "backport-max-count"
)

// Limits of a Subscription.
const (
	mostReason    = 4 << 10
	mostContact   = 4 << 10
	mostHeaders   = 10
	mostHeader    = 2 << 10
	mostFilters   = 10
	leastBeat     = 10            // seconds
	mostBeat      = 7 * 24 * 3600 // seconds
	mostTimeout   = 60            // seconds
	mostMaxCount  = 1000
	notShown      = "[not shown]" // stands for the value of a header
	deliveredJSON = "application/fhir+json"
)

// resource is what a Subscription resource asks for.
type resource struct {
	id, status, reason, topic, url, media string
	criteria                              string // in the form of the service
	end                                   time.Time
	hook                                  webhook.RestHook
}

// readResource reads a Subscription. topics has the event codes of topics.
func readResource(body []byte, code func(topic string) (string, bool), plain bool) (resource, *refuse.Refusal) {
	var v any
	if err := json.Unmarshal(body, &v); err != nil { // also repeated names, and bytes that are not UTF-8
		return resource{}, refuse.MessageNotWellFormed("expected a Subscription in JSON; received a body that is not JSON, or has a name twice")
	}
	r := &reader{}
	out := r.resource(v, code, plain)
	if len(r.issues) > 0 {
		return out, refuse.InvalidResource(r.issues...)
	}
	return out, nil
}

func (r *reader) resource(v any, code func(string) (string, bool), plain bool) (out resource) {
	o, _ := v.(object)
	if kind := o["resourceType"]; kind != "Subscription" {
		r.wrong("Subscription", "structure", "a resource with resourceType Subscription", received(kind))
		return out
	}
	o = r.object("Subscription", v, "resourceType", "id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension",
		"status", "contact", "end", "reason", "criteria", "error", "channel")
	out.id = r.text("Subscription.id", o["id"], 64)
	out.status = r.needed("Subscription.status", o["status"], 64, "requested")
	out.end = r.instant("Subscription.end", o["end"])
	out.reason = r.needed("Subscription.reason", o["reason"], mostReason, "a text that says why")
	out.hook.Contact = r.contact(o["contact"])
	out.topic = r.needed("Subscription.criteria", o["criteria"], 256, "the canonical URL of a topic")
	var given []string
	for _, f := range r.extensions("Subscription.criteria", o["_criteria"], filterURL, "valueString") {
		given = append(given, r.text(filtersAt, f, 1024))
	}
	if event, known := code(out.topic); known {
		out.criteria = r.criteria(event, given)
	} else if out.topic != "" {
		r.wrong("Subscription.criteria", "not-supported", "the canonical URL of a topic of this server (GET "+Base+"/Basic), such as "+topicBase+"pds-change-of-gp-1", received(out.topic))
	}
	if o["channel"] == nil {
		r.missing("Subscription.channel", "a channel")
		return out
	}
	r.channel(o["channel"], &out, plain)
	return out
}

// contact keeps the contacts as they were written.
func (r *reader) contact(v any) jsontext.Value {
	items := r.list("Subscription.contact", v, mostHeaders)
	for i, item := range items {
		r.object(fmt.Sprintf("Subscription.contact[%d]", i), item, "id", "extension", "system", "value", "use", "rank", "period")
	}
	if len(items) == 0 {
		return nil
	}
	text, err := json.Marshal(items, json.Deterministic(true))
	if err != nil || len(text) > mostContact {
		r.wrong("Subscription.contact", "too-long", fmt.Sprintf("at most %d bytes", mostContact), "more")
		return nil
	}
	return text
}

// channel reads where notifications go, and what they hold.
func (r *reader) channel(v any, out *resource, plain bool) {
	const at = "Subscription.channel"
	o := r.object(at, v, "id", "extension", "modifierExtension", "type", "endpoint", "payload", "header")
	if kind := r.needed(at+".type", o["type"], 64, "rest-hook"); kind != "rest-hook" && kind != "" {
		r.wrong(at+".type", "not-supported", "rest-hook", received(o["type"]))
	}
	if r.extension(at+".type", o["_type"], typeURL, "valueCoding") != nil {
		r.wrong(at+".type.extension('"+typeURL+"')", "not-supported", "none: there are no other channels than rest-hook", "one")
	}
	out.url = r.needed(at+".endpoint", o["endpoint"], 2048, "an https URL")
	if out.url != "" {
		if err := guard.CheckURL(out.url, plain); err != nil {
			r.wrong(at+".endpoint", "value", "an https URL with a host, in ASCII, without user name, password and fragment", "another")
		}
	}
	out.media = r.needed(at+".payload", o["payload"], 128, deliveredJSON)
	if out.media != "" && (!isJSON(out.media) || !strings.HasPrefix(out.media, deliveredJSON)) {
		r.wrong(at+".payload", "not-supported", deliveredJSON+", fhirVersion 4.0 or none", received(o["payload"]))
	}
	out.hook.Media = out.media
	r.payload(o, &out.hook)
	for i, line := range r.list(at+".header", o["header"], mostHeaders) {
		r.header(fmt.Sprintf("%s.header[%d]", at, i), line, &out.hook)
	}
}

// payload reads the extensions of the channel and of its payload.
func (r *reader) payload(channel object, hook *webhook.RestHook) {
	const at = "Subscription.channel"
	content := r.extension(at+".payload", channel["_payload"], contentURL, "valueCode")
	hook.Content = form.Content(fmt.Sprint(content))
	if content == nil {
		r.missing(at+".payload.extension('"+contentURL+"')", "the extension with empty, id-only or full-resource")
	} else if !slices.Contains([]form.Content{form.Empty, form.IDOnly, form.Full}, hook.Content) {
		r.wrong(at+".payload.extension('"+contentURL+"').value", "value", "empty, id-only or full-resource", received(content))
	}
	for _, e := range []struct {
		url, value  string
		into        *int
		least, most int
	}{
		{beatURL, "valueUnsignedInt", &hook.Heartbeat, leastBeat, mostBeat},
		{timeoutURL, "valueUnsignedInt", &hook.Timeout, 1, mostTimeout},
		{mostURL, "valuePositiveInt", &hook.MaxCount, 1, mostMaxCount},
	} {
		if v := r.extension(at, channel, e.url, e.value); v != nil {
			*e.into = r.integer(at+".extension('"+e.url+"').value", v, e.least, e.most)
		}
	}
}

// ours are the headers that subscribers cannot set: those that say how a request is
// framed, where it goes and whence it came (RFC 9110, sections 7.6 and 10; RFC 7239),
// and what this service says of itself.
var ours = []string{"host", "transfer-encoding", "connection", "keep-alive", "upgrade", "http2-settings", "te", "trailer", "expect", "user-agent", "cookie", "forwarded"}

var oursBegin = []string{"content-", "ce-", "webhook-", "proxy-", "x-forwarded-"}

// isOurs reports whether a header is one that subscribers cannot set. Receivers that
// hand headers on as variables take an underscore for a hyphen.
func isOurs(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	return slices.Contains(ours, name) || slices.ContainsFunc(oursBegin, func(p string) bool { return strings.HasPrefix(name, p) })
}

var (
	headerName  = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+.^_|~-]+$`)
	headerValue = regexp.MustCompile(`^[ -~]+$`)
)

// header reads one header that each request shall have. Its value is a secret: it is
// in no answer.
func (r *reader) header(at string, v any, hook *webhook.RestHook) {
	line := r.text(at, v, mostHeader)
	if line == "" {
		return
	}
	name, value, found := strings.Cut(line, ":")
	value = strings.TrimSpace(value)
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	switch {
	case !found || !headerName.MatchString(name) || !headerValue.MatchString(value):
		r.wrong(at, "value", "a header: NAME: VALUE", "another form")
	case isOurs(name):
		r.wrong(at, "forbidden", "a header that this service does not set itself", "the header "+refuse.Show(canonical))
	default:
		hook.Headers = append(hook.Headers, canonical+": "+value)
	}
}
