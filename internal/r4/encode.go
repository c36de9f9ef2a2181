package r4

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"nems/internal/store"
	"nems/internal/subscription"
	"nems/internal/webhook"
)

// held is a subscription with the endpoint that it brought along.
type held struct {
	subscription.Subscription
	row  store.Endpoint
	hook webhook.Endpoint
}

// The statuses of R4's Subscription.
const (
	requested = "requested"
	active    = "active"
	failed    = "error"
	off       = "off"
)

// state is the status that R4 shows: that of the subscription, and while it is
// active, that of the channel.
func (h held) state() string {
	switch {
	case h.Status == subscription.Requested:
		return requested
	case h.Status == subscription.Off:
		return off
	case h.hook.Off:
		return failed
	case h.hook.Consented.IsZero():
		return requested
	}
	return active
}

// trouble is why the state is what it is, in words of this service; "" for nothing.
func (h held) trouble() string {
	if h.state() == failed {
		return h.hook.Why
	}
	return h.Error
}

// topic is the canonical URL of what it is about.
func (h held) topic() string {
	if len(h.Criteria.Events) == 0 {
		return ""
	}
	return topicBase + h.Criteria.Events[0]
}

type (
	subscriptionJSON struct {
		ResourceType string         `json:"resourceType"`
		ID           string         `json:"id"`
		Meta         metaJSON       `json:"meta"`
		Status       string         `json:"status"`
		Contact      jsontext.Value `json:"contact,omitempty"`
		End          string         `json:"end,omitempty"`
		Reason       string         `json:"reason"`
		Criteria     string         `json:"criteria"`
		Filters      *extended      `json:"_criteria,omitempty"`
		Error        string         `json:"error,omitempty"`
		Channel      channelJSON    `json:"channel"`
	}
	metaJSON struct {
		LastUpdated string   `json:"lastUpdated,omitempty"`
		Profile     []string `json:"profile,omitempty"`
	}
	extended struct {
		Extension []extension `json:"extension"`
	}
	extension struct {
		URL              string      `json:"url"`
		Extension        []extension `json:"extension,omitempty"`
		ValueString      string      `json:"valueString,omitempty"`
		ValueCode        string      `json:"valueCode,omitempty"`
		ValueURI         string      `json:"valueUri,omitempty"`
		ValueCanonical   string      `json:"valueCanonical,omitempty"`
		ValueMarkdown    string      `json:"valueMarkdown,omitempty"`
		ValueUnsignedInt int         `json:"valueUnsignedInt,omitzero"`
		ValuePositiveInt int         `json:"valuePositiveInt,omitzero"`
		ValueConcept     *concept    `json:"valueCodeableConcept,omitempty"`
	}
	channelJSON struct {
		Extension []extension `json:"extension,omitempty"`
		Type      string      `json:"type"`
		Endpoint  string      `json:"endpoint"`
		Payload   string      `json:"payload"`
		Content   extended    `json:"_payload"`
		Header    []string    `json:"header,omitempty"`
	}
)

// resourceOf writes the subscription. No header shows its value.
func resourceOf(h held) subscriptionJSON {
	out := subscriptionJSON{
		ResourceType: "Subscription", ID: h.ID.String(), Meta: metaJSON{h.Created.UTC().Format("2006-01-02T15:04:05.000Z07:00"), []string{profile}},
		Status: h.state(), Contact: h.hook.RestHook.Contact, Reason: h.Reason, Criteria: h.topic(), Error: h.trouble(), Channel: channelOf(h.hook),
	}
	if !h.End.IsZero() {
		out.End = h.End.UTC().Format(time.RFC3339Nano)
	}
	if given := filtersOf(h.Criteria); len(given) > 0 {
		out.Filters = &extended{}
		for _, f := range given {
			out.Filters.Extension = append(out.Filters.Extension, extension{URL: filterURL, ValueString: f})
		}
	}
	return out
}

func channelOf(e webhook.Endpoint) channelJSON {
	hook := e.RestHook
	out := channelJSON{Type: "rest-hook", Endpoint: e.URL, Payload: hook.Media, Content: extended{[]extension{{URL: contentURL, ValueCode: string(hook.Content)}}}}
	if hook.Heartbeat > 0 {
		out.Extension = append(out.Extension, extension{URL: beatURL, ValueUnsignedInt: hook.Heartbeat})
	}
	if hook.Timeout > 0 {
		out.Extension = append(out.Extension, extension{URL: timeoutURL, ValueUnsignedInt: hook.Timeout})
	}
	if hook.MaxCount > 0 {
		out.Extension = append(out.Extension, extension{URL: mostURL, ValuePositiveInt: hook.MaxCount})
	}
	for _, line := range hook.Headers {
		name, _, _ := strings.Cut(line, ":")
		out.Header = append(out.Header, name+": "+notShown)
	}
	return out
}
