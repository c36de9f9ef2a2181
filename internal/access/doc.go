// Package access says who is calling and what that system may do: the
// registration of systems, the gate that holds a request against it, interaction
// ids, and the caller that every later stage is given. How a caller proves who it
// is lies in package spine.
//
// Sources: NEMS specification 2.15, "Generic Publication API Guidance" and
// "Generic Subscription API Requirements"; Spine Core, "Error handling".
package access
