// Package spine contains the rules that the Spine applies to every request to a
// NEMS: which headers, interaction ids, ASIDs, media types and tokens it must
// have, and who signed the token. What the system that sent a request may do is
// decided by package access, and how a request is refused by package refuse.
// Package api turns their results into HTTP and FHIR.
//
// Sources: NEMS specification 2.15, "Generic Publication API Guidance" and
// "Generic Subscription API Requirements"; Spine Core, "Access Tokens and Audit
// (JWT)"; RFC 7515, 7519 and 6750.
package spine
