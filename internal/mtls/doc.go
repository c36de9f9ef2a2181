// Package mtls provides TLS for listeners that require client certificates, and for
// connections that present one. It covers which issuers are trusted and what has
// been revoked, files that are read again when they change, a proxy that forwards
// its callers' certificates, and what operators see of all this.
//
// Sources: RFC 5280 (certificates and revocation lists), RFC 9440 (Client-Cert);
// Spine Core, "TLS Mutual Authentication".
package mtls
