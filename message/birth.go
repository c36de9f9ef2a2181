package message

import "strconv"

// Birth says that a birth has been registered at PDS (page "PDS Birth Notification").
type Birth struct {
	Header
	// Mother is whom the message is routed by. Her number, birth date and all else may
	// be unknown; without the number no subscription for one patient can match. She has
	// an official name: the page lets it be unknown, but the Patient conforms to
	// CareConnect-Patient-1, which does not.
	Mother         Patient
	MotherPractice *Organisation // nil means unknown
	MotherSince    Date          // when she was registered there; "" means unknown
	MotherUntil    Date          // when that is to end
	// Baby has a gender, a birth time, at least one line of an address, an ethnicity
	// and a MultipleBirth.
	Baby       Patient
	BirthPlace *BirthPlace
	Deceased   Date // when the baby died; "" means it lives
	// DeathStatus and DeathEffective are the notification of the baby's death; "" means none.
	DeathStatus    DeathStatus
	DeathEffective Date
	NotifiedBy     HumanName // the practitioner who notified the birth

	BirthsInDelivery int // registerable births
	WeightGrams      int
	GestationWeeks   int
	Stillbirth       StillbirthCode
	Abnormality      AbnormalityCode

	RegisteringAuthority     Organisation
	RegisteringAuthorityType AuthorityType
	DeliveryPlace            *Organisation
	PartnerChildHealth       *Organisation
	ResponsibleChildHealth   *Organisation
}

// BirthPlace is where a person was born, as far as it is known.
type BirthPlace struct{ City, District, Country string }

// StillbirthCode is a code of the list EMS-PDS-StillBornIndicator-1.
type StillbirthCode string

// Codes of births, as the Discovery Data Service reads them from NEMS.
const (
	LiveBirth               StillbirthCode = "1"
	StillbirthAntepartum    StillbirthCode = "2"
	StillbirthIntrapartum   StillbirthCode = "3"
	StillbirthIndeterminate StillbirthCode = "4"
)

// AbnormalityCode says whether a congenital abnormality is suspected, a code of the list
// EMS-PDS-SuspectedCongenitalAbnormalityIndicator-1.
type AbnormalityCode string

// NoAbnormality: none is suspected.
const NoAbnormality AbnormalityCode = "N"

// AuthorityType is the kind of a registering authority, a code of the list
// EMS-PDS-RegisteringAuthorityType-1.
type AuthorityType string

// NHSTrust is a registering authority that is a trust.
const NHSTrust AuthorityType = "c"

// Texts of the codes that are known. Other codes of the lists are written without.
var (
	stillbirthDisplays = map[StillbirthCode]string{
		LiveBirth: "Live", StillbirthAntepartum: "Still birth, ante-partum",
		StillbirthIntrapartum: "Still birth, intra-partum", StillbirthIndeterminate: "Still birth, indeterminate",
	}
	abnormalityDisplays = map[AbnormalityCode]string{NoAbnormality: "No"}
	authorityDisplays   = map[AuthorityType]string{NHSTrust: "NHS Trust"}
)

// XML returns the message, or a *FieldsError.
func (b Birth) XML() ([]byte, error) {
	h, c := b.ofSpine().complete(), &checker{}
	h.check(c)
	b.check(c)
	if err := c.done("Birth"); err != nil {
		return nil, err
	}
	w := demographicEvent(h, eventType{"pds-birth-notification-1", "PDS Birth Notification"}, b.Mother, "midwife", "mother")
	w.mother(b)
	w.baby(b)
	w.resource("Practitioner", "midwife", ukCore+"CareConnect-Practitioner-1", func() { w.personName(b.NotifiedBy) })
	w.circumstances(b)
	if b.MotherPractice != nil {
		w.organisation("practice", *b.MotherPractice, nil)
	}
	w.organisation("spine", h.Responsible, nil)
	w.associations(b)
	return w.Bytes(), nil
}

// personName writes the name of a practitioner.
func (w *writer) personName(n HumanName) {
	w.Open("name").Value("use", n.Use).Value("family", n.Family)
	for _, given := range n.Given {
		w.Value("given", given)
	}
	for _, prefix := range n.Prefix {
		w.Value("prefix", prefix)
	}
	w.Close()
}

func (w *writer) mother(b Birth) {
	since := func() {
		if b.MotherSince != "" || b.MotherUntil != "" {
			w.extension(ukCore+"Extension-CareConnect-RegistrationDetails-1", func() {
				w.extension("registrationPeriod", func() { w.period("valuePeriod", b.MotherSince, b.MotherUntil) })
			})
		}
	}
	w.patient("mother", b.Mother, b.Mother.VersionID, extras{extensions: since, last: func() {
		if b.MotherPractice != nil {
			w.reference("generalPractitioner", "practice")
		}
		w.inside("link", func() { w.reference("other", "relation"); w.Value("type", "seealso") })
	}})
	w.resource("RelatedPerson", "relation", ukCore+"CareConnect-RelatedPerson-1", func() {
		w.reference("patient", "baby")
		w.coded("relationship", "http://hl7.org/fhir/v3/RoleCode", "NMTH", "natural mother")
	})
}

func (w *writer) baby(b Birth) {
	w.patient("baby", b.Baby, b.Baby.VersionID, extras{deceased: b.Deceased, extensions: func() {
		if b.BirthPlace != nil {
			w.extension("http://hl7.org/fhir/StructureDefinition/birthPlace", func() {
				w.Open("valueAddress").Value("city", b.BirthPlace.City).Value("district", b.BirthPlace.District)
				w.Value("country", b.BirthPlace.Country).Close()
			})
		}
		if b.DeathStatus != "" {
			w.deathNotification(b.DeathStatus, b.DeathEffective)
		}
	}})
}

// circumstances writes the five observations of a birth.
func (w *writer) circumstances(b Birth) {
	w.circumstance("births", "mother", "382341000000101", "Total number of registerable births at delivery", func() {
		w.Open("valueQuantity").Value("value", strconv.Itoa(b.BirthsInDelivery)).Close()
	})
	w.resource("Observation", "weight", ukCore+"CareConnect-Observation-1", func() {
		w.Value("status", "final")
		w.coded("category", "http://hl7.org/fhir/observation-category", "vital-signs", "Vital Signs")
		w.inside("code", func() {
			w.coding("http://loinc.org", "29463-7", "Body weight")
			w.coding(snomed, "364589006", "Birth weight")
		})
		w.reference("subject", "baby")
		w.quantity(b.WeightGrams, "gram", "g")
	})
	w.circumstance("gestation", "baby", "412726003", "Length of gestation at birth", func() { w.quantity(b.GestationWeeks, "week", "wk") })
	w.circumstance("stillbirth", "baby", "237364002", "Stillbirth", func() {
		w.coded("valueCodeableConcept", nhsCodes+"EMS-PDS-StillBornIndicator-1", string(b.Stillbirth), stillbirthDisplays[b.Stillbirth])
	})
	w.circumstance("abnormality", "baby", "1097291000000101", "Suspected congenital abnormality", func() {
		w.coded("valueCodeableConcept", nhsCodes+"EMS-PDS-SuspectedCongenitalAbnormalityIndicator-1",
			string(b.Abnormality), abnormalityDisplays[b.Abnormality])
	})
}

func (w *writer) circumstance(name, subject, code, display string, value func()) {
	w.resource("Observation", name, ukCore+"CareConnect-Observation-1", func() {
		w.Value("status", "final")
		w.coded("code", snomed, code, display)
		w.reference("subject", subject)
		value()
	})
}

func (w *writer) quantity(value int, unit, code string) {
	w.Open("valueQuantity").Value("value", strconv.Itoa(value)).Value("unit", unit)
	w.Value("system", "http://unitsofmeasure.org").Value("code", code).Close()
}

// associations writes the organisations that have to do with the baby.
func (w *writer) associations(b Birth) {
	if b.DeliveryPlace != nil {
		w.association("delivery place", "delivery-place", "Delivery Place")
		w.organisation("delivery place", *b.DeliveryPlace, nil)
	}
	w.association("registering authority", "registering-authority", "Registering Authority")
	w.typedOrganisation("registering authority", b.RegisteringAuthority, func() {
		w.coded("type", nhsCodes+"EMS-PDS-RegisteringAuthorityType-1",
			string(b.RegisteringAuthorityType), authorityDisplays[b.RegisteringAuthorityType])
	}, nil)
	if b.PartnerChildHealth != nil {
		w.association("partner", "partner-child-health-organisation", "Partner Child Health Organisation")
		w.organisation("partner", *b.PartnerChildHealth, nil)
	}
	if b.ResponsibleChildHealth != nil {
		w.association("child health", "responsible-child-health-organisation", "Responsible Child Health Organisation")
		w.organisation("child health", *b.ResponsibleChildHealth, nil)
	}
}

// association writes what an organisation is to the baby.
func (w *writer) association(organisation, code, display string) {
	w.resource("EpisodeOfCare", organisation+" episode", ukCore+"CareConnect-EpisodeOfCare-1", func() {
		w.Value("status", "active")
		w.coded("type", nhsCodes+"BirthEpisodeCategory-1", code, display)
		w.reference("patient", "baby")
		w.reference("managingOrganization", organisation)
	})
}
