package message

import "regexp"

// Snomed is a concept of SNOMED CT with its text.
type Snomed struct {
	Code    string // 6 to 18 digits
	Display string
}

var snomedForm = regexp.MustCompile(`^[1-9][0-9]{5,17}$`)

func (s Snomed) check(c *checker, field string) {
	if c.there(field+".Code", s.Code) && !snomedForm.MatchString(s.Code) {
		c.wrong(field+".Code", "is the identifier of a concept of SNOMED CT: 6 to 18 digits")
	}
	c.text(field+".Display", s.Display)
}

// Identifier is the publisher's own identifier of a thing. It stays the same in all
// later messages about the thing: receivers find by it what is corrected or withdrawn.
type Identifier struct {
	System string // a URI
	Value  string
}

var uriForm = regexp.MustCompile(`^[a-z][a-z0-9+.-]*:[A-Za-z0-9/._~:;,?=&+@-]+$`)

func (i Identifier) check(c *checker, field string) {
	if c.there(field+".System", i.System) && !uriForm.MatchString(i.System) {
		c.wrong(field+".System", "is a URI, like https://clinic.example/vaccinations")
	}
	c.text(field+".Value", i.Value)
}

// Practitioner is a health professional.
type Practitioner struct {
	// RoleProfile and User are the identifiers of the Spine's directory; "" means none.
	RoleProfile string // sds-role-profile-id
	User        string // sds-user-id
	Name        HumanName
	Role        *Role // what they are at the responsible organisation; nil: not said
}

// Role is what a practitioner is at an organisation.
type Role struct {
	Profession Profession
	Specialty  Specialty
}

func (p Practitioner) check(c *checker, field string) {
	c.optional(p.RoleProfile, func() { c.text(field+".RoleProfile", p.RoleProfile) })
	c.optional(p.User, func() { c.text(field+".User", p.User) })
	p.Name.check(c, field+".Name")
	if p.Role != nil {
		p.Role.Profession.check(c, field+".Role.Profession")
		p.Role.Specialty.check(c, field+".Role.Specialty")
	}
}

// Service is the service that makes an event.
type Service struct {
	Identifier Identifier // the zero Identifier means none
	Type       Snomed     // of the value set CareConnect-CareSettingType-1
	Specialty  Specialty
}

func (s Service) check(c *checker, field string) {
	if s.Identifier != (Identifier{}) {
		s.Identifier.check(c, field+".Identifier")
	}
	s.Type.check(c, field+".Type")
	s.Specialty.check(c, field+".Specialty")
}

// Place is where something was done.
type Place struct {
	Site string // ODS site code; "" means none
	Name string
}

func (p Place) check(c *checker, field string) {
	c.optional(p.Site, func() { c.ods(field+".Site", p.Site) })
	c.text(field+".Name", p.Name)
}

// provider completes the header of a care provider's event and checks what all of them need.
func provider(h Header, p Patient) (Header, *checker) {
	h, c := h.complete(), &checker{}
	h.check(c)
	p.check(c, "Patient")
	return h, c
}

// cared is the patient as providers' messages hold them: with the official name only,
// which is the one that is compared with PDS.
func (p Patient) cared() Patient {
	if name, found := p.official(); found {
		p.Names = []HumanName{name}
	}
	return p
}
