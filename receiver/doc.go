// Package receiver collects event messages from a MESH mailbox, for systems that
// subscribe to a National Events Management Service. It works against any MESH: the
// NHS's, its sandbox, or the one inside this program.
//
// A Receiver lists the mailbox, downloads each message, reads the event's facts and
// calls a Handler, oldest message first and one at a time. It acknowledges a message
// only after the Handler has returned nil and the Memory has recorded it on disk. So
// a message is handled at least once: when the process dies between the Handler's
// success and the Memory's record, the message comes again. A Handler that must not
// see a message twice stores Message.Key in the transaction of its own work, or
// implements Memory on its own database.
//
// The sources leave the following to a receiver. This is what the package does:
//
//   - Repeats. MESH and NEMS may deliver a message more than once. A message
//     whose event code and message id were handled before is acknowledged and
//     not handed over (Config.EveryCopy chooses otherwise).
//   - Order. Neither NEMS nor MESH keeps it ("Event Message Sequencing"). The
//     newest event is the truth. The later meta.lastUpdated is newer. At equal
//     times the higher sequence number is newer; then a delete is newer than an
//     update, and an update newer than a new one. What is still equal counts in
//     the order of arrival. Which events are compared is listed below.
//     Message.Effect says whether to create, replace (Message.Earlier) or
//     remove. An older version that arrives late is acknowledged and discarded
//     (Config.EveryVersion chooses otherwise).
//   - The record. An Audit records what was received, processed and discarded,
//     and why. The record is on disk before the message is acknowledged
//     ("Receiver Information Governance"). A Handler that has no use for a
//     message returns Ignore with the reason. Audit.Note adds who used the
//     message, and how.
//   - Senders. Anybody can send to a mailbox. A message that reads as an event
//     but does not come from NEMS's mailbox is not an event: Message.Kind is
//     Other, and Message.Problem is ErrSender (see Config.Senders). A Handler
//     checks Kind before it uses Body.
//   - Loop-backs. A system's own events come back to it when its subscriptions
//     match ("Publish an event message"). Message.Own marks them.
//   - Poison. A message for which the Handler fails Config.Attempts times is
//     written to the folder Config.SetAside with the reason and then
//     acknowledged, so that MESH does not report it to the sender as
//     uncollected. Without a folder it stays in the mailbox. When several
//     messages in a row fail, the messages are not the cause: collecting pauses
//     and nothing more is set aside.
//   - Reports. MESH's reports (mex-messagetype REPORT) have no body. They are
//     handed over with Kind Report.
//
// These events are compared with each other:
//
//   - Events about a thing (a vaccination, a screening encounter, an episode of
//     care) are compared with events of the same type whose focus has the same
//     identifier. The specification asks publishers to keep this identifier
//     over all versions. An identifier without a system is the publisher's own.
//   - Events of the Spine (pds-...) are compared with events of the same type
//     about the same patient, whatever their focus is: their pages say that the
//     latest is the truth. Births are not compared: each is reported once, and
//     twins share their mother.
//   - All other events lack the identifier that the rules ask for, and
//     Message.Problem says so. They never count as corrections of each other.
//     Message.Order says how such an event relates to others of the same source
//     system, patient and event type, and the Handler decides.
//
// A message that was set aside as poison supersedes nothing. A message that was
// ignored does.
//
// A patient's data is in Message.Body and Message.Facts only. The errors of this
// package, its log lines and a printed Message hold none of it. The Audit's entries
// hold none either: NHS numbers and identifiers are digests under a key that lies in
// the same folder. A FileMemory holds such digests too. Whoever has the key can find
// a ten-digit number by trying all of them, so protect both folders as you protect
// the messages. Exported entries do not contain the key.
package receiver
