// Package pdsapi is a Personal Demographics Service to talk to: the PDS FHIR API
// (R4), over the records that this service keeps itself. It is for development,
// and for operators who have no other PDS. A change that is made through it
// makes the events that a change at PDS makes.
//
// Its paths, parameters, codes and limits follow the specification in
// NHSDigital/personal-demographics-service-api (specification/components), and
// where that is silent, its tests (karate-tests). docs/pds-api.md lists where
// this API differs.
package pdsapi
