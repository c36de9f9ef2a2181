// Package access says who is calling and what that system may do: the
// registration of systems, the gate that checks a request against it, interaction
// ids, and the caller that every later stage gets. Package spine checks how a
// caller proves its identity.
//
// Sources: NEMS specification 2.15, "Generic Publication API Guidance" and
// "Generic Subscription API Requirements"; Spine Core, "Error handling".
package access
