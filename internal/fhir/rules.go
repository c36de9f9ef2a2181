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

// What HL7's schema states.
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

// What the specification says beyond it.
var (
	ruleSchemaInstance  = &rule{"fhir-xsi", "structure", sourceXML}
	ruleEmptyValue      = &rule{"fhir-empty-value", "value", sourceXML}
	rulePadded          = &rule{"fhir-whitespace", "value", sourceTypes}
	ruleZone            = &rule{"fhir-time-zone", "value", sourceTypes}
	ruleRange           = &rule{"fhir-integer-range", "value", sourceTypes}
	ruleInstant         = &rule{"fhir-instant", "value", sourceTypes}
	ruleBoolean         = &rule{"fhir-boolean", "value", sourceTypes}
	ruleTooLong         = &rule{"fhir-string-length", "too-long", sourceTypes}
	ruleTooExact        = &rule{"fhir-decimal-digits", "value", sourceTypes}
	ruleAlphabet        = &rule{"fhir-base64", "value", sourceTypes}
	ruleEle1            = &rule{"fhir-ele-1", "invariant", sourceElement}
	ruleExt1            = &rule{"fhir-ext-1", "invariant", sourceExtension}
	ruleTxt1            = &rule{"fhir-txt-1", "invariant", sourceNarrative}
	ruleTxt2            = &rule{"fhir-txt-2", "invariant", sourceNarrative}
	ruleNarrativeActive = &rule{"fhir-narrative-active", "invariant", sourceNarrative}
	ruleMore            = &rule{"fhir-more", "informational", ""}
)

// What JSON can get wrong and XML cannot.
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
