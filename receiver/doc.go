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
//   - Order. Neither NEMS nor MESH keeps it ("Event Message Sequencing").
//     Events about the same thing carry the same identifier in their focus, and
//     the later meta.lastUpdated counts. Message.Effect says whether to create,
//     replace (Message.Earlier) or remove; an older version that comes late is
//     acknowledged and discarded (see Config.EveryVersion). Events without an
//     identifier are compared with those of the same source system, patient and
//     event type; Message.Order says how, and the Handler decides. Sequence
//     numbers are only a hint.
//   - The record. An Audit keeps what was received, processed and discarded, and
//     why, on disk before a message is acknowledged ("Receiver Information
//     Governance").
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
// A patient's data is in Message.Body and Message.Facts only. Neither the
// errors of this package, nor its log lines, nor a Message that is printed hold
// any of it. The files of FileMemory hold digests of NHS numbers; a digest of
// ten digits can be guessed, so keep them as you keep the messages.
package receiver
