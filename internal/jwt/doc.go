// Package jwt writes the token that every request to a NEMS carries. It signs
// and verifies nothing: that is done in package spine.
//
// Sources: Spine Core, "Access Tokens and Audit (JWT)"; RFC 7519.
package jwt
