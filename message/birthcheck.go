package message

import "strings"

func (b Birth) check(c *checker) {
	b.Mother.checkGiven(c, "Mother")
	if _, named := b.Mother.official(); !named {
		c.wrong("Mother.Names", "has the official name")
	}
	if b.MotherPractice != nil {
		b.MotherPractice.check(c, "MotherPractice")
	}
	c.optional(string(b.MotherSince), func() { c.dateTime("MotherSince", b.MotherSince) })
	c.period("Mother", b.MotherSince, b.MotherUntil)
	b.checkBaby(c)
	b.NotifiedBy.check(c, "NotifiedBy")
	if len(b.NotifiedBy.Given) == 0 {
		c.wrong("NotifiedBy.Given", "is missing")
	}
	c.positive("BirthsInDelivery", b.BirthsInDelivery)
	c.positive("WeightGrams", b.WeightGrams)
	c.positive("GestationWeeks", b.GestationWeeks)
	c.code("Stillbirth", string(b.Stillbirth))
	c.code("Abnormality", string(b.Abnormality))
	b.RegisteringAuthority.check(c, "RegisteringAuthority")
	c.code("RegisteringAuthorityType", string(b.RegisteringAuthorityType))
	for _, o := range []struct {
		field string
		*Organisation
	}{{"DeliveryPlace", b.DeliveryPlace}, {"PartnerChildHealth", b.PartnerChildHealth}, {"ResponsibleChildHealth", b.ResponsibleChildHealth}} {
		if o.Organisation != nil {
			o.check(c, o.field)
		}
	}
}

// checkBaby checks what the page asks of a baby beyond what it asks of every patient.
func (b Birth) checkBaby(c *checker) {
	b.Baby.check(c, "Baby")
	b.Baby.version(c, "Baby")
	c.there("Baby.Gender", string(b.Baby.Gender))
	c.wholeDay("Baby.BirthDate", b.Baby.BirthDate)
	c.there("Baby.BirthTime", string(b.Baby.BirthTime))
	c.there("Baby.Ethnicity", string(b.Baby.Ethnicity))
	if b.Baby.MultipleBirth == 0 {
		c.wrong("Baby.MultipleBirth", "is missing: the place in the order of birth, or 8 where it is not applicable")
	}
	if len(b.Baby.Addresses) == 0 {
		c.wrong("Baby.Addresses", "is missing")
	}
	for i, a := range b.Baby.Addresses {
		if len(a.written()) == 0 {
			c.wrong(at("Baby.Addresses", i)+".Lines", "are missing")
		}
	}
	if p := b.BirthPlace; p != nil {
		if strings.TrimSpace(p.City+p.District+p.Country) == "" {
			c.wrong("BirthPlace", "has a city, a district or a country")
		}
		c.optional(p.City, func() { c.text("BirthPlace.City", p.City) })
		c.optional(p.District, func() { c.text("BirthPlace.District", p.District) })
		c.optional(p.Country, func() { c.text("BirthPlace.Country", p.Country) })
	}
	b.checkDeath(c)
}

func (b Birth) checkDeath(c *checker) {
	c.optional(string(b.Deceased), func() { c.dateTime("Deceased", b.Deceased) })
	if b.DeathStatus != "" {
		c.oneOf("DeathStatus", string(b.DeathStatus), "1", "2", "U")
		c.dateTime("DeathEffective", b.DeathEffective)
	}
}
