// Package mns serves the API of the Multicast Notification Service over the events of
// this NEMS, and puts its signals into MESH mailboxes.
//
// Source: NHSDigital/multicast-notification-service (2026-04): specification,
// sandbox/handlers.js, proxies/live. Where they disagree, docs/mns.md says what was
// chosen.
package mns
