package message

import "nems/internal/fhir"

// Systems and profiles that messages name.
const (
	nhsNumberSystem = "https://fhir.nhs.uk/Id/nhs-number"
	odsSystem       = "https://fhir.nhs.uk/Id/ods-organization-code"
	odsDirectory    = "https://directory.spineservices.nhs.uk/STU3/Organization/"
	snomed          = "http://snomed.info/sct"
	ukCore          = "https://fhir.hl7.org.uk/STU3/StructureDefinition/"
	ukCodes         = "https://fhir.hl7.org.uk/STU3/CodeSystem/"
	nhsCore         = "https://fhir.nhs.uk/STU3/StructureDefinition/"
	nhsCodes        = "https://fhir.nhs.uk/STU3/CodeSystem/"
)

// writer is a message being written. Resources have names, so that they can be
// referenced before they are there.
type writer struct {
	*fhir.Writer
	header Header
	ids    map[string]string
}

// newWriter starts the bundle. The header is complete.
func newWriter(h Header) *writer {
	w := &writer{Writer: fhir.NewWriter("Bundle"), header: h, ids: map[string]string{}}
	if h.ID != "" {
		w.ids["header"] = h.ID
	}
	w.Value("id", h.IDs())
	w.Value("type", "message")
	return w
}

// id returns the id of a resource by the resource's name; it is the same at every call.
func (w *writer) id(name string) string {
	if w.ids[name] == "" {
		w.ids[name] = w.header.IDs()
	}
	return w.ids[name]
}

// resource writes an entry.
func (w *writer) resource(kind, name, profile string, body func()) {
	w.versioned(kind, name, profile, "", body)
}

// versioned writes an entry whose resource has a version, like those of PDS.
func (w *writer) versioned(kind, name, profile, version string, body func()) {
	w.entry(kind, name, func() { w.Value("versionId", version).Value("profile", profile) }, body)
}

func (w *writer) entry(kind, name string, meta, body func()) {
	w.Open("entry").Value("fullUrl", "urn:uuid:"+w.id(name))
	w.Open("resource").Open(kind).Value("id", w.id(name))
	w.inside("meta", meta)
	body()
	w.Close().Close().Close()
}

// inside writes an element with children.
func (w *writer) inside(name string, body func()) {
	w.Open(name)
	body()
	w.Close()
}

// extension writes an extension with children.
func (w *writer) extension(url string, body func()) {
	w.OpenAttr("extension", "url", url)
	body()
	w.Close()
}

// reference writes a reference to a resource of this message.
func (w *writer) reference(element, name string) {
	w.Open(element).Value("reference", "urn:uuid:"+w.id(name)).Close()
}

// inDirectory writes a reference to an organisation where the Spine's directory has it.
func (w *writer) inDirectory(element string, o Organisation) {
	w.Open(element).Value("reference", odsDirectory+o.ODS).Value("display", o.Name).Close()
}

// coded writes a CodeableConcept with one coding.
func (w *writer) coded(element, system, code, display string) {
	w.Open(element)
	w.coding(system, code, display)
	w.Close()
}

func (w *writer) coding(system, code, display string) {
	w.Open("coding").Value("system", system).Value("code", code).Value("display", display).Close()
}

// identifier writes an identifier.
func (w *writer) identifier(system, value string) {
	w.Open("identifier").Value("system", system).Value("value", value).Close()
}

// period writes a period if anything of it is known.
func (w *writer) period(element string, start, end Date) {
	if start != "" || end != "" {
		w.Open(element).Value("start", string(start)).Value("end", string(end)).Close()
	}
}

func (w *writer) contact(element string, contact Contact) {
	w.Open(element).Value("system", contact.System).Value("value", contact.Value).Close()
}

// name writes a name. Each given name is an element of its own, because the first is
// compared with the record.
func (w *writer) name(element string, n HumanName) {
	w.Open(element).Value("use", n.use()).Value("family", n.Family)
	for _, part := range []struct {
		element string
		values  []string
	}{{"given", n.Given}, {"prefix", n.Prefix}, {"suffix", n.Suffix}} {
		for _, value := range part.values {
			w.Value(part.element, value)
		}
	}
	w.Close()
}

// organisation writes an Organization; more writes what follows its name.
func (w *writer) organisation(name string, o Organisation, more func()) {
	w.typedOrganisation(name, o, func() {}, more)
}

func (w *writer) typedOrganisation(name string, o Organisation, kind, more func()) {
	w.resource("Organization", name, ukCore+"CareConnect-Organization-1", func() {
		w.identifier(odsSystem, o.ODS)
		kind()
		w.Value("name", o.Name)
		for _, contact := range o.Telecom {
			w.contact("telecom", contact)
		}
		if more != nil {
			more()
		}
	})
}

// verified writes an NHS number with the status "present and verified".
func (w *writer) verified(number string) {
	w.inside("identifier", func() {
		w.extension(ukCore+"Extension-CareConnect-NHSNumberVerificationStatus-1", func() {
			w.coded("valueCodeableConcept", ukCodes+"CareConnect-NHSNumberVerificationStatus-1", "01", "Number present and verified")
		})
		w.Value("system", nhsNumberSystem).Value("value", number)
	})
}
