// Package message writes event messages of the National Events Management Service
// from typed values: STU3 Bundles of the type message, in XML, as the NEMS
// specification 2.15 asks for them.
//
// There is a type for each event. Its fields are what the event's page asks for;
// what a page fixes (profiles, codes of the event, references between resources) is
// written by itself. A message that lacks something, or has a value that cannot be
// right, is not made: the error is a *FieldsError that names each field.
//
// The five events of the Personal Demographics Service are always new, and have one
// method, XML. Events of care providers have a method for each kind that their page
// allows, so that a kind which does not exist does not compile:
//
//	ChangeOfGP, ChangeOfAddress, Death, RecordChange, Birth         XML
//	Vaccination, ProfessionalContact                                New, Update, Delete
//	BloodSpot, NewbornHearing, NIPE                                 New, Delete
//
// Whatever valid values they are given, the messages pass the rules of the
// specification at the level strict.
package message
