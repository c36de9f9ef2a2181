// Package spine holds the rules of the Spine's front door: which headers,
// interaction ids, ASIDs, media types and tokens a request to a NEMS must
// carry, and whose signature a token has. What the system behind a request may
// do lies in package access, how a request is refused in package refuse; package
// api turns what they say into HTTP and FHIR.
//
// Sources: NEMS specification 2.15, "Generic Publication API Guidance" and
// "Generic Subscription API Requirements"; Spine Core, "Access Tokens and Audit
// (JWT)"; RFC 7515, 7519 and 6750.
package spine
