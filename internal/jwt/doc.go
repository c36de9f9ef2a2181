// Package jwt writes the token that every request to a NEMS carries. It does
// not sign or verify; package spine does.
//
// Sources: Spine Core, "Access Tokens and Audit (JWT)"; RFC 7519.
package jwt
