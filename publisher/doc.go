// Package publisher is what a system needs that publishes to the National Events
// Management Service, beyond a client: messages are checked before they are sent, their
// patients are traced at the Personal Demographics Service (PDS), those who must not be
// sent are held back, and an outbox sends what a transaction has decided, in order, once,
// and over restarts.
//
//	patient, err := demographics.Patient(ctx, patient) // traced, or ErrHeldBack
//	xml, err := message.Vaccination{Patient: patient, ...}.New()
//	id, err := outbox.Add(ctx, tx, xml) // in the transaction of your record
//	err = tx.Commit()
//	outbox.Wake()
//
// and, for as long as the system runs:
//
//	err := outbox.Run(ctx)
//
// # What the specification asks
//
// Page "Publisher Information Governance": local dissent is respected
// (Demographics.Dissent), nothing is sent about patients whom PDS flags S or I
// (Demographics, and Config.Demographics for what has waited), what was wrong is corrected
// by update and delete (package message; the order per patient is kept), and what was sent
// can be shown: Outbox.Sent has the payload, all headers, the claims of the token and the
// times. Page "Publication API guidance": NHS numbers are verified at the point of
// publishing.
//
// # What may happen
//
//   - The process is killed: what was added is sent later. A message that was on its way is
//     sent again with the same id and the same idempotency key. This NEMS knows a key for 24
//     hours and keeps one copy; elsewhere, or later, receivers recognise the id.
//   - The answer is lost, or the service is busy (429) or broken (5xx), or does not let
//     the system in (401, 403): the message is tried again, later and later.
//   - The service refuses the message (other 4xx): the messages of that patient stop, so
//     that none overtakes what it may correct, until Retry or Discard. Config.Refused is told.
//   - PDS flags the patient meanwhile: the message is set aside (state held); Config.HeldBack is told.
package publisher
