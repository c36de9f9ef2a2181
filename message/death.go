package message

// DeathStatus is the status of the notification of a death, a code of the list
// CareConnect-DeathNotificationStatus-1.
type DeathStatus string

// Statuses of a death.
const (
	DeathInformal DeathStatus = "1" // notice from an NHS organisation, like a practice or a trust
	DeathFormal   DeathStatus = "2" // notice from the registrar
	DeathRemoved  DeathStatus = "U" // the notice was wrong: the person lives
)

const deathNotification = "Extension-CareConnect-DeathNotificationStatus-1"

var deathDisplays = map[DeathStatus]string{
	DeathInformal: "Informal - death notice received via an update from a local NHS Organisation such as GP or Trust",
	DeathFormal:   "Formal - death notice received from Registrar of Deaths",
	DeathRemoved:  "Removed",
}

// Death says that the status of a patient's death has changed (page "PDS Death
// Notification").
type Death struct {
	Header
	Patient Patient
	Status  DeathStatus
	// SystemEffective is when the Spine set the status: a date or a time. "" means
	// LastUpdated.
	SystemEffective Date
	// Deceased is when the person died: a date or a time. A removed status has none.
	Deceased Date
}

// XML returns the message, or a *FieldsError.
func (d Death) XML() ([]byte, error) {
	h, c := prepare(d.Header, d.Patient)
	if d.SystemEffective == "" {
		d.SystemEffective = Date(instant(h.LastUpdated))
	}
	d.check(c)
	if err := c.done("Death"); err != nil {
		return nil, err
	}
	w := demographicEvent(h, eventType{"pds-death-notification-1", "PDS Death Notification"}, d.Patient, "", "patient")
	w.organisation("spine", h.Responsible, nil)
	w.patient("patient", d.Patient, d.Patient.VersionID, extras{
		deceased: d.Deceased,
		extensions: func() {
			w.deathNotification(d.Status, d.SystemEffective)
		},
	})
	return w.Bytes(), nil
}

func (d Death) check(c *checker) {
	c.oneOf("Status", string(d.Status), "1", "2", "U")
	c.dateTime("SystemEffective", d.SystemEffective)
	switch {
	case d.Status != DeathRemoved:
		c.dateTime("Deceased", d.Deceased)
	case d.Deceased != "":
		c.wrong("Deceased", "is empty where the status is removed")
	}
}

// deathNotification writes the extension that holds the status.
func (w *writer) deathNotification(status DeathStatus, effective Date) {
	w.extension(ukCore+deathNotification, func() {
		w.extension("deathNotificationStatus", func() {
			w.coded("valueCodeableConcept", ukCodes+"CareConnect-DeathNotificationStatus-1", string(status), deathDisplays[status])
		})
		w.extension("systemEffectiveDate", func() { w.Value("valueDateTime", string(effective)) })
	})
}
