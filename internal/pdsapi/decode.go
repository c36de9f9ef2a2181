package pdsapi

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"nems/internal/demographics"
)

// decoding reads a Patient that was made of a record by changing it. What did not
// change is taken from the record, so that data from before a rule do not stop
// other changes, and so is what the API does not show.
type decoding struct {
	faults
	old   demographics.Record // with ids
	tree  object              // of old
	today string              // YYYY-MM-DD, the start of what names no period
	newID func() string
}

// members are those of a Patient that can change.
var members = []string{
	"name", "gender", "birthDate", "multipleBirthInteger", "deceasedDateTime", "address", "telecom", "contact",
	"generalPractitioner", "managingOrganization", "extension",
}

// decode reads a changed Patient. old is the record with ids (withIDs), tree its
// editable form, today the date. It checks types, codes and forms; rules has the
// rules about what may change.
func decode(old demographics.Record, tree, changed object, today string, newID func() string) (demographics.Record, *Fault) {
	d := decoding{old: old, tree: tree, today: today, newID: newID}
	r := old.Clone()
	d.object("", changed, append([]string{"resourceType", "id", "identifier", "meta"}, members...)...)
	r.Names = listOf(&d, changed, "name", old.Names, d.name)
	r.Addresses = listOf(&d, changed, "address", old.Addresses, d.address)
	r.Telecoms = listOf(&d, changed, "telecom", old.Telecoms, d.telecom)
	r.Contacts = listOf(&d, changed, "contact", old.Contacts, d.contact)
	if d.differs(changed, "gender") {
		r.Gender = ""
		if v := changed["gender"]; v != nil {
			r.Gender = d.code("gender", v, genders...)
		}
	}
	if d.differs(changed, "birthDate") {
		r.BirthDate = d.date("birthDate", changed["birthDate"])
	}
	if d.differs(changed, "multipleBirthInteger") {
		r.BirthOrder = 0
		if v := changed["multipleBirthInteger"]; v != nil {
			r.BirthOrder = d.integer("multipleBirthInteger", v, 1, 9)
		}
	}
	d.practice(&r, changed)
	if d.differs(changed, "managingOrganization") {
		r.Managing = ""
		if v := changed["managingOrganization"]; v != nil {
			o := d.object("managingOrganization", v, "type", "identifier")
			r.Managing, _ = d.odsCode("managingOrganization/identifier", o["identifier"], "period")
		}
	}
	d.extensions(&r, changed)
	if d.first != nil {
		return demographics.Record{}, d.first
	}
	return r, nil
}

// differs reports whether a member is not as it was.
func (d *decoding) differs(changed object, member string) bool {
	return !reflect.DeepEqual(d.tree[member], changed[member])
}

// listOf reads a list of items with ids. read gets the item that had the id, nil
// for a new one.
func listOf[E any](d *decoding, changed object, member string, olds []E, read func(path string, v any, id string, old *E) E) []E {
	was, _ := d.tree[member].([]any)
	var out []E
	for i, item := range d.list(member, changed[member], 0, anyNumber) {
		path := member + "/" + strconv.Itoa(i)
		o, ok := item.(object)
		if !ok {
			d.add(wrongValue(kindOf(item), path, "an object"))
			return nil
		}
		id := d.text(path+"/id", o["id"], 100)
		at := slices.IndexFunc(was, func(old any) bool { return id != "" && old.(object)["id"] == id })
		switch {
		case at >= 0 && at < len(olds) && reflect.DeepEqual(was[at], item):
			out = append(out, olds[at])
		case at >= 0 && at < len(olds):
			out = append(out, read(path, item, id, &olds[at]))
		default:
			out = append(out, read(path, item, d.newID(), nil))
		}
	}
	return out
}

// period reads when something counts. Without one, it counts from today.
func (d *decoding) period(path string, v any) demographics.Period {
	if v == nil {
		return demographics.Period{Start: d.today}
	}
	o := d.object(path, v, "start", "end")
	p := demographics.Period{Start: d.date(path+"/start", o["start"]), End: d.date(path+"/end", o["end"])}
	switch {
	case p.Start == "":
		d.add(missing(path + "/start"))
	case p.Start > d.today:
		d.add(badUpdate("'%s/start' is in the future", path))
	case p.End != "" && p.End < p.Start:
		d.add(badUpdate("'%s/end' is before '%s/start'", path, path))
	}
	return p
}

func (d *decoding) name(path string, v any, id string, _ *demographics.Name) demographics.Name {
	o := d.object(path, v, "id", "use", "period", "given", "family", "prefix", "suffix")
	n := demographics.Name{
		ID: id, Use: d.code(path+"/use", o["use"], nameUses...), Period: d.period(path+"/period", o["period"]),
		Family: d.needed(path+"/family", o["family"], 35),
		Given:  d.texts(path+"/given", o["given"], 5, 35), Suffix: d.texts(path+"/suffix", o["suffix"], anyNumber, 35),
	}
	for _, title := range d.texts(path+"/prefix", o["prefix"], anyNumber, 35) {
		n.Prefix = append(n.Prefix, strings.TrimRight(title, ".")) // PDS removes it
	}
	// Each given name is an item of its own, but the first may have several words (HumanName.yaml).
	if len(n.Given) > 1 {
		given := n.Given[:1:1]
		for _, more := range n.Given[1:] {
			given = append(given, strings.Fields(more)...)
		}
		n.Given = given
	}
	return n
}

func (d *decoding) address(path string, v any, id string, _ *demographics.Address) demographics.Address {
	o := d.object(path, v, "id", "period", "use", "text", "line", "postalCode", "extension")
	a := demographics.Address{
		ID: id, Use: d.code(path+"/use", o["use"], addressUses...), Text: d.text(path+"/text", o["text"], 100),
		Lines: d.texts(path+"/line", o["line"], 5, 100), Postcode: d.text(path+"/postalCode", o["postalCode"], 10),
	}
	if a.Use == "temp" || a.Use == "billing" {
		if o["period"] == nil {
			d.add(missing(path + "/period"))
		}
	}
	a.Period = d.period(path+"/period", o["period"])
	for i, e := range d.list(path+"/extension", o["extension"], 0, 2) {
		d.addressKey(path+"/extension/"+strconv.Itoa(i), e, &a)
	}
	return a
}

// addressKey reads the key of an address in PAF or of its property (UPRN).
func (d *decoding) addressKey(path string, v any, a *demographics.Address) {
	o := d.object(path, v, "url", "extension")
	d.code(path+"/url", o["url"], addressKeyURL)
	var kind, value string
	for i, part := range d.list(path+"/extension", o["extension"], 2, 2) {
		at := path + "/extension/" + strconv.Itoa(i)
		p := d.object(at, part, "url", "valueCoding", "valueString")
		switch d.code(at+"/url", p["url"], "type", "value") {
		case "type":
			c := d.object(at+"/valueCoding", p["valueCoding"], "system", "code", "version", "display")
			d.fixed(at+"/valueCoding/system", c["system"], addressKeySystem)
			kind = d.code(at+"/valueCoding/code", c["code"], "PAF", "UPRN")
		case "value":
			value = d.needed(at+"/valueString", p["valueString"], 12)
		}
	}
	digits := value != "" && strings.Trim(value, "0123456789") == ""
	switch {
	case d.first != nil:
	case kind == "PAF" && !(digits && len(value) == 8):
		d.add(wrongValue(value, path, "a PAF key of 8 digits"))
	case kind == "UPRN" && !digits:
		d.add(wrongValue(value, path, "a UPRN of 1 to 12 digits"))
	case kind == "PAF" && a.PAF == "":
		a.PAF = value
	case kind == "UPRN" && a.UPRN == "":
		a.UPRN = value
	case kind == "":
		d.add(missing(path + "/extension/valueCoding/code"))
	default:
		d.add(badRequest(tooManyValues, "Too many values - '"+path+"' is a second "+kind))
	}
}

func (d *decoding) telecom(path string, v any, id string, _ *demographics.Telecom) demographics.Telecom {
	o := d.object(path, v, "id", "period", "system", "value", "use", "extension")
	t := demographics.Telecom{
		ID: id, System: d.code(path+"/system", o["system"], telecomSystem...), Value: d.needed(path+"/value", o["value"], 90),
		Period: d.period(path+"/period", o["period"]),
	}
	if o["use"] != nil {
		t.Use = d.code(path+"/use", o["use"], telecomUses...)
	}
	d.otherSystem(path, o["extension"])
	d.reachable(path+"/value", t.System, t.Value)
	return t
}

// otherSystem checks the extension that says that the system "other" is a textphone.
func (d *decoding) otherSystem(path string, v any) {
	for i, e := range d.list(path+"/extension", v, 0, 1) {
		at := path + "/extension/" + strconv.Itoa(i)
		o := d.object(at, e, "url", "valueCoding")
		d.code(at+"/url", o["url"], otherSystemURL)
		c := d.object(at+"/valueCoding", o["valueCoding"], "system", "code", "display")
		d.code(at+"/valueCoding/code", c["code"], "textphone")
	}
}

// reachable checks that the address of an email can be one (patient-patch.yaml, Telecom).
func (d *decoding) reachable(path, system, value string) {
	if system != "email" || d.first != nil {
		return
	}
	before, after, ok := strings.Cut(value, "@")
	if !ok || before == "" || !strings.Contains(strings.Trim(after, "."), ".") || strings.ContainsAny(value, " <>") || strings.Contains(after, "@") || len(value) <= 6 || len(value) >= 90 {
		d.add(wrongValue(value, path, "an email address of 7 to 89 characters"))
	}
}

func (d *decoding) contact(path string, v any, id string, old *demographics.Contact) demographics.Contact {
	o := d.object(path, v, "id", "period", "relationship", "telecom")
	c := demographics.Contact{ID: id, Period: d.period(path+"/period", o["period"])}
	if old != nil {
		c.Name = old.Name
	}
	for _, r := range d.list(path+"/relationship", o["relationship"], 1, 1) {
		d.coded(path+"/relationship/0", r, contactSystem, "C")
	}
	for _, t := range d.list(path+"/telecom", o["telecom"], 1, 1) {
		at := path + "/telecom/0"
		p := d.object(at, t, "system", "value", "extension")
		system := d.code(at+"/system", p["system"], "phone", "email", "other")
		c.Phone = d.needed(at+"/value", p["value"], 90)
		d.otherSystem(at, p["extension"])
		d.reachable(at+"/value", system, c.Phone)
		if system != "phone" {
			c.System = system
		}
	}
	return c
}

// coded reads a CodeableConcept with one coding.
func (d *decoding) coded(path string, v any, system string, codes ...string) string {
	o := d.object(path, v, "coding")
	all := d.list(path+"/coding", o["coding"], 1, 1)
	if len(all) == 0 {
		return ""
	}
	p := d.object(path+"/coding/0", all[0], "system", "version", "code", "display")
	d.fixed(path+"/coding/0/system", p["system"], system)
	if len(codes) == 0 {
		return d.needed(path+"/coding/0/code", p["code"], 20)
	}
	return d.code(path+"/coding/0/code", p["code"], codes...)
}

// practice reads where the patient is registered.
func (d *decoding) practice(r *demographics.Record, changed object) {
	if !d.differs(changed, "generalPractitioner") {
		return
	}
	r.Practice = nil
	for _, item := range d.list("generalPractitioner", changed["generalPractitioner"], 0, 1) {
		at := "generalPractitioner/0"
		o := d.object(at, item, "id", "type", "identifier")
		d.fixed(at+"/type", o["type"], "Organization")
		code, id := d.odsCode(at+"/identifier", o["identifier"], "period")
		start := d.today
		if id["period"] != nil {
			p := d.period(at+"/identifier/period", id["period"])
			if start = p.Start; p.End != "" {
				d.add(badUpdate("'%s/identifier/period/end' must not be sent", at))
			}
		}
		r.Practice = &demographics.Registration{ID: d.text(at+"/id", o["id"], 100), Practice: code, Start: start}
		if r.Practice.ID == "" {
			r.Practice.ID = d.newID()
		}
	}
}
