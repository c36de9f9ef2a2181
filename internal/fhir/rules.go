package fhir

// rule is what a finding refers to.
type rule struct{ id, code, source string }

const (
	sourceSchema    = "HL7 FHIR STU3 XML schema, fhir-single.xsd"
	sourceXHTML     = "HL7 FHIR STU3 XML schema, fhir-xhtml.xsd"
	sourceXML       = "http://hl7.org/fhir/STU3/xml.html"
	sourceTypes     = "http://hl7.org/fhir/STU3/datatypes.html"
	sourceElement   = "http://hl7.org/fhir/STU3/element.html"
	sourceExtension = "http://hl7.org/fhir/STU3/extensibility.html"
	sourceNarrative = "http://hl7.org/fhir/STU3/narrative.html"
	sourceJSON      = "http://hl7.org/fhir/STU3/json.html"
)

// Rules that HL7's schema states.
var (
	ruleRoot               = &rule{"schema-root", "structure", sourceSchema}
	ruleElement            = &rule{"schema-element", "structure", sourceSchema}
	ruleNamespace          = &rule{"schema-namespace", "structure", sourceSchema}
	ruleOrder              = &rule{"schema-order", "structure", sourceSchema}
	ruleCardinality        = &rule{"schema-cardinality", "structure", sourceSchema}
	ruleRequired           = &rule{"schema-required", "required", sourceSchema}
	ruleChoice             = &rule{"schema-choice", "structure", sourceSchema}
	ruleAttribute          = &rule{"schema-attribute", "structure", sourceSchema}
	ruleText               = &rule{"schema-text", "structure", sourceSchema}
	ruleValue              = &rule{"schema-value", "value", sourceSchema}
	ruleCode               = &rule{"schema-code", "code-invalid", sourceSchema}
	ruleNarrativeElement   = &rule{"schema-narrative-element", "structure", sourceXHTML}
	ruleNarrativeAttribute = &rule{"schema-narrative-attribute", "structure", sourceXHTML}
	ruleNarrativeText      = &rule{"schema-narrative-text", "structure", sourceXHTML}
)

// Rules that the specification states beyond the schema. (In addition, a
// SyntaxError has rules named "fhir-..." where XML would allow more than FHIR
// needs.)
var (
	// An attribute that names a type: STU3 has no such attribute.
	ruleSchemaInstance = &rule{"fhir-xsi", "structure", sourceXML}
	// An attribute is absent, or has a visible character.
	ruleEmptyValue = &rule{"fhir-empty-value", "value", sourceXML}
	// White space around or inside values whose definition has none. (The
	// schema collapses it.)
	rulePadded = &rule{"fhir-whitespace", "value", sourceTypes}
	// A dateTime or instant with a time of day has a time zone.
	ruleZone = &rule{"fhir-time-zone", "value", sourceTypes}
	// unsignedInt and positiveInt are at most 2147483647.
	ruleRange = &rule{"fhir-integer-range", "value", sourceTypes}
	// An instant has a year of four digits, and no hour 24.
	ruleInstant = &rule{"fhir-instant", "value", sourceTypes}
	// A boolean is not 0 or 1.
	ruleBoolean = &rule{"fhir-boolean", "value", sourceTypes}
	// A string has 1 MB at most.
	ruleTooLong = &rule{"fhir-string-length", "too-long", sourceTypes}
	// A decimal has 24 digits at most. (FHIR leaves the limit to the implementation.)
	ruleTooExact = &rule{"fhir-decimal-digits", "value", sourceTypes}
	// base64 consists of its 64 characters, padding and white space.
	ruleAlphabet = &rule{"fhir-base64", "value", sourceTypes}
	// A narrative neither runs nor loads anything but images.
	ruleNarrativeActive = &rule{"fhir-narrative-active", "invariant", sourceNarrative}
	// Not a rule: says how many findings were left out.
	ruleMore = &rule{"fhir-more", "informational", ""}
)

// RuleLocalReference is the rule of references #ID that lead to no contained
// resource. It means that a part of a resource is missing, not only wrong.
const RuleLocalReference = "ref-1"

// The invariants that are checked while reading, by the ids of HL7's
// Schematron. (The specification's pages call global-1 ele-1.)
var (
	ruleGlobal1 = &rule{"global-1", "invariant", sourceElement}
	ruleExt1    = &rule{"ext-1", "invariant", sourceExtension}
	ruleTxt1    = &rule{"txt-1", "invariant", sourceNarrative}
	ruleTxt2    = &rule{"txt-2", "invariant", sourceNarrative}
)

// Mistakes that only JSON can have.
var (
	ruleJSONResource  = &rule{"fhir-json-resource-type", "structure", sourceJSON}
	ruleJSONMember    = &rule{"fhir-json-member", "structure", sourceJSON}
	ruleJSONType      = &rule{"fhir-json-type", "structure", sourceJSON}
	ruleJSONNarrative = &rule{"fhir-json-narrative", "structure", sourceNarrative}
)

// verdictRules names the rule behind each verdict on a value.
var verdictRules = [...]*rule{
	verdictForm: ruleValue, verdictCode: ruleCode, verdictEmpty: ruleEmptyValue, verdictPadded: rulePadded,
	verdictZone: ruleZone, verdictRange: ruleRange, verdictInstant: ruleInstant, verdictBoolean: ruleBoolean,
	verdictTooLong: ruleTooLong, verdictTooExact: ruleTooExact,
	verdictAlphabet: ruleAlphabet,
}
