package message

// eventKind is the kind of a message: what the messageEventType extension says.
type eventKind struct{ code, display string }

var (
	kindNew    = eventKind{"new", "New event message"}
	kindUpdate = eventKind{"update", "Update event message"}
	kindDelete = eventKind{"delete", "Delete event message"}
)

// eventType is what the header calls an event.
type eventType struct{ code, display string }

// opening is what differs between the headers of the events.
type opening struct {
	event eventType
	kind  eventKind
	// about is whom the event is about.
	about Patient
	// enterer, responsible and focus are names of resources. An empty enterer means none.
	enterer, responsible, focus string
}

// open writes the MessageHeader.
func (w *writer) open(o opening) {
	h := w.header
	w.entry("MessageHeader", "header", func() {
		w.Value("versionId", h.VersionID).Value("lastUpdated", instant(h.LastUpdated)).Value("profile", nhsCore+"Event-MessageHeader-1")
	}, func() {
		w.routing(o.about)
		w.extension(nhsCore+"Extension-MessageEventType-1", func() {
			w.coded("valueCodeableConcept", nhsCodes+"MessageEventType-1", o.kind.code, o.kind.display)
		})
		w.Open("event").Value("system", nhsCodes+"EventType-1").Value("code", o.event.code).Value("display", o.event.display).Close()
		w.Value("timestamp", instant(h.Timestamp))
		if o.enterer != "" {
			w.reference("enterer", o.enterer)
		}
		w.inside("source", func() {
			w.Value("name", h.Source.Name)
			w.contact("contact", h.Source.Contact)
			w.Value("endpoint", "urn:nhs:addressing:asid:"+h.Source.ASID)
		})
		w.reference("responsible", o.responsible)
		w.reference("focus", o.focus)
	})
}

// routing writes the routing demographics: what is known of number, name and birth.
// Of a mother whom the registration of a birth does not name, that may be nothing.
func (w *writer) routing(p Patient) {
	name, named := p.official()
	if p.NHSNumber == "" && !named && p.BirthDate == "" {
		return
	}
	w.extension(nhsCore+"Extension-RoutingDemographics-1", func() {
		if p.NHSNumber != "" {
			w.extension("nhsNumber", func() {
				w.Open("valueIdentifier").Value("system", nhsNumberSystem).Value("value", p.NHSNumber).Close()
			})
		}
		if named {
			w.extension("name", func() { w.name("valueHumanName", name) })
		}
		if p.BirthDate != "" {
			w.extension("birthDateTime", func() { w.Value("valueDateTime", string(p.BirthDate)) })
		}
	})
}
