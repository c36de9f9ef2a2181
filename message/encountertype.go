package message

// EncounterType says why a child was seen, a code of the list
// DCH-ChildHealthEncounterType-1.
type EncounterType string

// Encounters of the vaccinations and screening programmes. The list has others.
const (
	EncounterBCG               EncounterType = "0010" // BCG immunisation
	Encounter8Weeks            EncounterType = "0011" // 8 week immunisations
	Encounter12Weeks           EncounterType = "0012" // 12 week immunisations
	Encounter16Weeks           EncounterType = "0013" // 16 week immunisations
	Encounter1Year             EncounterType = "0014" // 1 Year immunisations
	EncounterPreSchool         EncounterType = "0015" // Pre-school immunisations
	EncounterHPV               EncounterType = "0016" // HPV immunisations
	EncounterTeenageBooster    EncounterType = "0017" // Teenage booster immunisations
	EncounterInfluenza         EncounterType = "0018" // Influenza immunisations
	EncounterAdHocImmunisation EncounterType = "0027" // Ad-hoc Immunisation
	EncounterNIPE              EncounterType = "006"  // Newborn Infant Physical Examination
	EncounterHearing           EncounterType = "007"  // Newborn Hearing Screening
	EncounterBloodSpot         EncounterType = "008"  // Newborn Blood Spot Screening
)

const encounterTypeList = nhsCodes + "DCH-ChildHealthEncounterType-1"

func (e EncounterType) check(c *checker, field string) {
	if c.there(field, string(e)) && encounterTypes[e] == "" {
		c.wrong(field, "is a code of the list DCH-ChildHealthEncounterType-1, like 0012")
	}
}

// encounterTypes are the texts of the codes.
var encounterTypes = map[EncounterType]string{
	"001":  "Birth Discharge",
	"002":  "Maternity Discharge",
	"003":  "Birth",
	"004":  "Post Birth Review",
	"005":  "Community Midwife Discharge",
	"006":  "Newborn Infant Physical Examination",
	"007":  "Newborn Hearing Screening",
	"008":  "Newborn Blood Spot Screening",
	"009":  "6-8 Week GP Led Review",
	"0010": "BCG immunisation",
	"0011": "8 week immunisations",
	"0012": "12 week immunisations",
	"0013": "16 week immunisations",
	"0014": "1 Year immunisations",
	"0015": "Pre-school immunisations",
	"0016": "HPV immunisations",
	"0017": "Teenage booster immunisations",
	"0018": "Influenza immunisations",
	"0019": "2-2 ½ Year Early Years Progress",
	"0020": "2-2 ½ Year Heath Visitor Review",
	"0021": "1 Year Health Review",
	"0022": "6-8 Week Health Visitor review",
	"0023": "New Baby Health Visitor Review",
	"0024": "School Entry Review",
	"0025": "National Child Measurement Programme",
	"0026": "Ad-hoc Health Review",
	"0027": "Ad-hoc Immunisation",
	"0028": "GP Appointment",
}
