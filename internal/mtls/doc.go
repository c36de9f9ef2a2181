// Package mtls is the TLS of listeners that demand client certificates, and of
// connections that show one: whom to trust, what has been revoked, files that are
// taken up when they change, a proxy that hands over its callers' certificates, and
// what operators see of it all.
//
// Sources: RFC 5280 (certificates and revocation lists), RFC 9440 (Client-Cert);
// Spine Core, "TLS Mutual Authentication".
package mtls
