// Package receiver collects event messages from a MESH mailbox, for the
// systems that subscribe to a National Events Management Service. It works
// against any MESH: the NHS's, its sandbox, or the one inside this program.
//
// A Receiver lists the mailbox, downloads each message, reads the event's facts
// and calls a Handler, oldest message first and one at a time. It acknowledges
// a message only after the Handler has returned nil and the Memory has it on
// disk. So a message is handled at least once: when the process dies between
// the Handler's success and the Memory's record, the message comes again. A
// Handler that must not see it twice keeps Message.Key in the transaction of
// its own work, or implements Memory on its own database.
//
// What the sources leave to a receiver, and what is done about it here:
//
//   - Repeats. MESH and NEMS may deliver a message more than once. A message
//     whose event code and message id were handled before is acknowledged and
//     not handed over (see Config.EveryCopy for the other choice).
//   - Order. Neither NEMS nor MESH keeps it ("Event Message Sequencing"). The
//     newest is the truth: the later meta.lastUpdated, of two at the same moment the
//     higher sequence number, and then a delete before an update before a new one;
//     what still is equal counts as it arrives. What is compared with what is below.
//     Message.Effect says whether to create, replace (Message.Earlier) or remove. An
//     older version that comes late is acknowledged and discarded (see
//     Config.EveryVersion for the other choice).
//   - The record. An Audit keeps what was received, processed and discarded, and
//     why, on disk before a message is acknowledged ("Receiver Information
//     Governance"). A Handler that has no use for a message returns Ignore with the
//     reason; Audit.Note adds who used it, and how.
//   - Senders. Anybody can send to a mailbox. What reads as an event and does not
//     come from NEMS's is not one: Message.Kind is Other, and Message.Problem is
//     ErrSender (see Config.Senders). A Handler looks at Kind before it uses a Body.
//   - Loop-backs. A system's own events come back to it when its subscriptions
//     match ("Publish an event message"). Message.Own marks them.
//   - Poison. A message that the Handler fails Config.Attempts times is written
//     to the folder Config.SetAside with the reason and then acknowledged, so
//     that MESH does not report it to the sender as uncollected. Without a
//     folder it stays in the mailbox. When several messages in a row fail, the
//     fault is not theirs: collecting pauses and nothing more is set aside.
//   - Reports. MESH's reports (mex-messagetype REPORT) have no body; they are
//     handed over with Kind Report.
//
// What events are compared with:
//
//   - Events about a thing, a vaccination, a screening encounter or an episode of
//     care, with those of the same type whose focus has the same identifier: the
//     pages of these events ask publishers to keep it over all versions. An
//     identifier without a system is the publisher's own.
//   - Events of the Spine (pds-...) with those of the same type about the same
//     patient, whatever their focus is: their pages say that the latest is the truth.
//     Births are not compared: each is told once, and twins share their mother.
//   - Others have no identifier against the rules, and Message.Problem says so. They
//     are never taken for each other's corrections. Message.Order tells how they
//     relate to others of the same source system, patient and event type, and the
//     Handler decides.
//
// What was set aside as poison takes the place of nothing; what was ignored does.
//
// A patient's data is in Message.Body and Message.Facts only. Neither the
// errors of this package, nor its log lines, nor a Message that is printed hold
// any of it, and neither do the Audit's entries: NHS numbers and identifiers are
// digests under a key that lies beside them. A FileMemory holds such digests too.
// With the key ten digits can be guessed, so keep both folders as you keep the
// messages; exported entries are without the key.
package receiver
