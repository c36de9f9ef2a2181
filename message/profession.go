package message

// Profession is what a practitioner is, a code of the lists ProfessionalType-1 and
// DCH-ProfessionalType-1, which are the same.
type Profession string

// Professions that are met in events of child health.
const (
	GeneralPractitioner Profession = "160"
	Midwife             Profession = "170"
	Nurse               Profession = "180"
	HealthVisitor       Profession = "330"
	SchoolNurse         Profession = "350"
)

func (p Profession) check(c *checker, field string) {
	if c.there(field, string(p)) && professions[p] == "" {
		c.wrong(field, "is a code of the list ProfessionalType-1, like 180")
	}
}

// professions are the texts of the codes.
var professions = map[Profession]string{
	"010": "Arts Therapist (Art, Music and Drama Therapists)",
	"020": "Biomedical Scientist",
	"030": "Chiropodist / Podiatrist",
	"040": "Chiropractor",
	"050": "Clinical Scientist",
	"060": "Consultant",
	"070": "Clinical Dental Technician",
	"080": "Dental Hygienist",
	"090": "Dental Nurse",
	"100": "Dental Technician",
	"110": "Dental Therapist",
	"120": "Orthodontic Therapist",
	"130": "Dietitian",
	"140": "Dispensing Optician",
	"150": "General Dental Practitioner",
	"160": "General Medical Practitioner",
	"170": "Midwife",
	"180": "Nurse",
	"190": "Occupational Therapist",
	"200": "Operating Department Practitioner",
	"210": "Ophthalmic Medical Practitioner",
	"220": "Optometrist",
	"230": "Orthoptist",
	"240": "Orthotist",
	"250": "Osteopath",
	"260": "Paramedic",
	"270": "Pharmacist",
	"280": "Physiotherapist",
	"290": "Practitioner Psychologist",
	"300": "Prosthetist",
	"310": "Radiographer",
	"320": "Specialist Community Public Health Nurse: Family Health Nurse",
	"330": "Specialist Community Public Health Nurse: Health Visitor",
	"340": "Specialist Community Public Health Nurse: Occupational Health Nurse",
	"350": "Specialist Community Public Health Nurse: School Nurse",
	"360": "Speech and Language Therapist",
	"370": "Hearing Aid Dispenser",
	"380": "Pharmacy Technician",
	"390": "Social Worker in England",
	"XXX": "Other (not listed)",
}
