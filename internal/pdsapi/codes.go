package pdsapi

// The URLs of extensions (specification/components/schemas/extensions).
const (
	ukCore = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"

	verificationURL  = ukCore + "NHSNumberVerificationStatus"
	pharmacyURL      = ukCore + "NominatedPharmacy"
	dispenserURL     = ukCore + "PreferredDispenserOrganization"
	appliancesURL    = ukCore + "MedicalApplianceSupplier"
	deathURL         = ukCore + "DeathNotificationStatus"
	communicationURL = ukCore + "NHSCommunication"
	preferenceURL    = ukCore + "ContactPreference"
	addressKeyURL    = ukCore + "AddressKey"
	otherSystemURL   = ukCore + "OtherContactSystem"
	birthplaceURL    = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
	removalURL       = "https://fhir.nhs.uk/StructureDefinition/Extension-PDS-RemovalFromRegistration"
)

// The systems of identifiers and codes.
const (
	nhsNumberSystem  = "https://fhir.nhs.uk/Id/nhs-number"
	odsSystem        = "https://fhir.nhs.uk/Id/ods-organization-code"
	confidentiality  = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	contactSystem    = "http://terminology.hl7.org/CodeSystem/v2-0131"
	removalSystem    = "https://fhir.nhs.uk/CodeSystem/PDS-RemovalReasonExitCode"
	errorSystem      = "https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode"
	relationSystem   = "http://hl7.org/fhir/ValueSet/relatedperson-relationshiptype"
	relationUKSystem = "https://fhir.nhs.uk/R4/CodeSystem/UKCore-AdditionalRelatedPersonRole"

	ukCodes            = "https://fhir.hl7.org.uk/CodeSystem/UKCore-"
	verificationSystem = ukCodes + "NHSNumberVerificationStatus"
	deathSystem        = ukCodes + "DeathNotificationStatus"
	languageSystem     = ukCodes + "HumanLanguage"
	addressKeySystem   = ukCodes + "AddressKeyType"
	otherSystemSystem  = ukCodes + "OtherContactSystem"
	formatSystem       = ukCodes + "PreferredWrittenCommunicationFormat"
	methodSystem       = ukCodes + "PreferredContactMethod"
)

// codeVersion is the version that PDS names of the code systems that have one.
const codeVersion = "1.0.0"

var deathStatuses = map[string]string{
	"1": "Informal - death notice received via an update from a local NHS Organisation such as GP or Trust",
	"2": "Formal - death notice received from Registrar of Deaths",
	"U": "Removed",
}

var removalReasons = map[string]string{
	"DEA": "Death", "EMB": "Embarkation", "SCT": "Transferred to Scotland",
	"NIT": "Transferred to Northern Ireland", "TRA": "Temporary resident not returned", "ORR": "Other reason",
}

var letterFormats = map[string]string{"11": "Large print", "12": "Braille", "13": "Audio tape"}

var contactMethods = map[string]string{
	"1": "Letter", "2": "Visit", "3": "Telephone", "4": "E-mail", "5": "Minicom (Textphone)",
	"6": "Telephone contact via proxy", "7": "Sign language", "8": "No Telephone contact",
}

// temporaryAddresses are what a temporary address may be (Address.yaml, text).
var temporaryAddresses = []string{
	"Second Home", "Student Accommodation", "Respite Care Address", "Temporary Residence Address",
	"Convalescence Home", "Mobile Home", "Holiday Home",
}

// fixedTitles are those that must be written as here (patient-patch.yaml, Name).
var fixedTitles = []string{"Mr", "Mrs", "Ms", "Dr", "Rev", "Sir", "Lady", "Lord"}

var (
	nameUses      = []string{"usual", "temp", "nickname", "old", "maiden"}
	addressUses   = []string{"home", "work", "temp", "billing"}
	telecomUses   = []string{"home", "work", "temp", "mobile"}
	telecomSystem = []string{"phone", "fax", "email", "other"}
	genders       = []string{"male", "female", "other", "unknown"}
)

// signLanguages are the codes of languages that ISO 639-1 does not have
// (codeable/Language.yaml).
var signLanguages = map[string]string{
	"q1": "Braille", "q2": "American Sign Language", "q3": "Australian Sign Language",
	"q4": "British Sign Language", "q5": "Makaton",
}
