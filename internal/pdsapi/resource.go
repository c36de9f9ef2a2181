package pdsapi

// The R4 resources as they are written, in PDS's order of members
// (specification/components/schemas and examples).
type (
	patient struct {
		ResourceType  string       `json:"resourceType"`
		ID            string       `json:"id"`
		Identifier    []identifier `json:"identifier"`
		Meta          meta         `json:"meta"`
		Name          []humanName  `json:"name,omitempty"`
		Gender        string       `json:"gender,omitempty"`
		BirthDate     string       `json:"birthDate,omitempty"`
		MultipleBirth int          `json:"multipleBirthInteger,omitzero"`
		Deceased      string       `json:"deceasedDateTime,omitempty"`
		Practice      []reference  `json:"generalPractitioner,omitempty"`
		Managing      *reference   `json:"managingOrganization,omitempty"`
		Extension     []extension  `json:"extension,omitempty"`
		Telecom       []telecom    `json:"telecom,omitempty"`
		Contact       []contact    `json:"contact,omitempty"`
		Address       []address    `json:"address,omitempty"`
	}
	meta struct {
		VersionID string   `json:"versionId"`
		Security  []coding `json:"security"`
	}
	identifier struct {
		System    string      `json:"system"`
		Value     string      `json:"value"`
		Period    *period     `json:"period,omitempty"`
		Extension []extension `json:"extension,omitempty"`
	}
	coding struct {
		System  string `json:"system"`
		Version string `json:"version,omitempty"`
		Code    string `json:"code"`
		Display string `json:"display,omitempty"`
	}
	concept struct {
		Coding []coding `json:"coding"`
	}
	reference struct {
		ID         string     `json:"id,omitempty"`
		Type       string     `json:"type,omitempty"`
		Identifier identifier `json:"identifier"`
	}
	period struct {
		Start string `json:"start,omitempty"`
		End   string `json:"end,omitempty"`
	}
	humanName struct {
		ID     string   `json:"id,omitempty"`
		Use    string   `json:"use"`
		Period *period  `json:"period,omitempty"`
		Given  []string `json:"given,omitempty"`
		Family string   `json:"family"`
		Prefix []string `json:"prefix,omitempty"`
		Suffix []string `json:"suffix,omitempty"`
	}
	address struct {
		ID        string      `json:"id,omitempty"`
		Period    *period     `json:"period,omitempty"`
		Use       string      `json:"use"`
		Text      string      `json:"text,omitempty"`
		Line      []string    `json:"line,omitempty"`
		Postcode  string      `json:"postalCode,omitempty"`
		Extension []extension `json:"extension,omitempty"`
	}
	telecom struct {
		ID        string      `json:"id,omitempty"`
		Period    *period     `json:"period,omitempty"`
		System    string      `json:"system"`
		Value     string      `json:"value"`
		Use       string      `json:"use,omitempty"`
		Extension []extension `json:"extension,omitempty"`
	}
	contact struct {
		ID           string    `json:"id,omitempty"`
		Period       *period   `json:"period,omitempty"`
		Relationship []concept `json:"relationship"`
		Telecom      []telecom `json:"telecom"`
	}
	place struct {
		City     string `json:"city,omitempty"`
		District string `json:"district,omitempty"`
		Country  string `json:"country,omitempty"`
	}
	extension struct {
		URL       string      `json:"url"`
		Extension []extension `json:"extension,omitempty"`
		Concept   *concept    `json:"valueCodeableConcept,omitempty"`
		Coding    *coding     `json:"valueCoding,omitempty"`
		Reference *reference  `json:"valueReference,omitempty"`
		Address   *place      `json:"valueAddress,omitempty"`
		Period    *period     `json:"valuePeriod,omitempty"`
		DateTime  string      `json:"valueDateTime,omitempty"`
		String    string      `json:"valueString,omitempty"`
		Boolean   *bool       `json:"valueBoolean,omitempty"`
	}
)
