// Package fhir reads, checks and writes resources of FHIR STU3 (3.0.1), in XML
// and in JSON. It knows the structure of every resource and data type, and
// nothing else: no profiles, no terminology beyond the required code lists.
//
// ParseXML scans the bytes once and fills one table of nodes with offsets
// into them; Node walks that table without copying. JSONToXML brings JSON
// into the same form, XMLToJSON back. Writer builds resources.
//
// The structure is that of HL7's XML schema, whose facts lie in stu3.txt.
// What the schema refuses is refused by rules named "schema-..."; what the
// specification says beyond it by rules named "fhir-..." and by STU3's
// invariants, which lie in invariants.txt and have their own ids ("imm-1").
// obs-7 is left out: as HL7 published it, it refuses what its text allows. Bytes that are not
// well formed are a SyntaxError with rules named "xml-..." and "json-...".
//
// # XML that is read
//
// XML 1.0 with namespaces, in UTF-8 (a byte order mark is skipped), at most
// 64 levels deep and 64 attributes an element. Comments are allowed, and so
// are declarations of namespaces that nothing uses and schema locations,
// which are never followed. Refused as a SyntaxError although well formed:
// DOCTYPE (and with it every entity but the five of XML), processing
// instructions (xml-stylesheet would make a reader load and run something),
// XML 1.1, and encodings other than UTF-8. CDATA is text, so it is welcome
// where text is: in the narrative.
package fhir
