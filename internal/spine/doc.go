// Package spine holds the rules of the Spine's front door: which headers,
// interaction ids, ASIDs, media types and tokens a request to a NEMS must
// carry, what the system behind it may do, and how a request that breaks a rule
// is refused. It decides and explains; package api turns what it says into
// HTTP and FHIR.
//
// Sources: NEMS specification 2.15, "Generic Publication API Guidance" and
// "Generic Subscription API Requirements"; Spine Core, "Access Tokens and Audit
// (JWT)" and "Error handling"; RFC 7515, 7519 and 6750.
package spine
