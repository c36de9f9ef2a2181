// Package fhir reads, checks and writes resources of FHIR STU3 (3.0.1), in XML and in JSON.
// It knows the structure of every resource and data type, and nothing else: no profiles, and
// no terminology beyond the required code lists.
//
// ParseXML scans the bytes once and fills one table of nodes with offsets into them; Node
// walks that table without copying. JSONToXML converts JSON to the same form, XMLToJSON
// converts it back. Writer builds resources.
//
// The structure is that of HL7's XML schema; its facts are in stu3.txt. Rules named
// "schema-..." refuse what the schema refuses. Beyond the schema there are rules named
// "fhir-...", and STU3's invariants, which are in invariants.txt and have their own ids
// ("imm-1"). The invariant obs-7 is left out: as HL7 published it, it refuses what its own
// text allows. Bytes that are not well formed are a SyntaxError, with rules named "xml-..."
// and "json-...".
//
// # XML that is read
//
// XML 1.0 with namespaces, in UTF-8 (a byte order mark is skipped), at most 64 levels deep
// and with at most 64 attributes an element. Comments are allowed. So are unused namespace
// declarations, and schema locations, which are never followed. The following is well formed
// but refused as a SyntaxError: DOCTYPE (and with it every entity other than the five of
// XML), processing instructions (xml-stylesheet would make a reader load and run something),
// XML 1.1, and encodings other than UTF-8. CDATA is text, so it is allowed where text is: in
// the narrative.
package fhir
