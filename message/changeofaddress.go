package message

// ChangeOfAddress says that a patient's usual address has changed (page "PDS Change of
// Address"). Both addresses have lines, a postcode and the date when they began.
type ChangeOfAddress struct {
	Header
	// Patient's own Addresses are not written.
	Patient Patient
	Home    Address // where the patient lives now
	Old     Address // where the patient lived before; End may be unknown
}

// XML returns the message, or a *FieldsError.
func (a ChangeOfAddress) XML() ([]byte, error) {
	h, c := prepare(a.Header, a.Patient)
	a.Home.Use, a.Old.Use = HomeAddress, OldAddress
	a.Home.whole(c, "Home")
	a.Old.whole(c, "Old")
	if err := c.done("ChangeOfAddress"); err != nil {
		return nil, err
	}
	w := demographicEvent(h, eventType{"pds-change-of-address-1", "PDS Change of Address"}, a.Patient, "", "patient")
	w.organisation("spine", h.Responsible, nil)
	a.Patient.Addresses = []Address{a.Home, a.Old}
	w.patient("patient", a.Patient, a.Patient.VersionID, extras{wholeText: true})
	return w.Bytes(), nil
}

// whole checks that an address has all that a change of address says of it.
func (a Address) whole(c *checker, field string) {
	a.check(c, field)
	if len(a.written()) == 0 {
		c.wrong(field+".Lines", "are missing")
	}
	c.there(field+".Postcode", a.Postcode)
	c.there(field+".Start", string(a.Start))
}
