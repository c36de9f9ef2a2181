package audit

// Action says what was done. The texts are stored and hashed: a text never
// changes its meaning, and one that is no longer written stays in this list.
// Chains of a later version may have others.
type Action string

// What callers of the FHIR API do.
const (
	ActionPublish   Action = "publish"
	ActionSubscribe Action = "subscribe"
	ActionRead      Action = "read"
	ActionSearch    Action = "search"
	ActionDelete    Action = "delete"
	ActionBatch     Action = "batch" // a batch as a whole, or an entry of it that asks for nothing known
)

// What callers of the MESH API do.
const (
	ActionHandshake      Action = "handshake"
	ActionLookup         Action = "lookup" // of the mailboxes of an organisation
	ActionWorkflowSearch Action = "workflow-search"
	ActionList           Action = "list"
	ActionCount          Action = "count"
	ActionRichInbox      Action = "rich-inbox"
	ActionRichOutbox     Action = "rich-outbox"
	ActionHead           Action = "head" // the headers of a message, without its body
	ActionDownload       Action = "download"
	ActionDownloadChunk  Action = "download-chunk"
	ActionAcknowledge    Action = "acknowledge"
	ActionSend           Action = "send"
	ActionSendChunk      Action = "send-chunk"
	ActionTrack          Action = "track"
	ActionTrackLocalID   Action = "track-local-id"
)

// What developers do to a MESH in dev mode.
const (
	ActionReset          Action = "reset" // empties mailboxes
	ActionPutReport      Action = "put-report"
	ActionAddEvent       Action = "add-event" // sets the state of a message
	ActionMessageDetails Action = "message-details"
	ActionMailboxDetails Action = "mailbox-details"
)

// What operators do.
const (
	ActionPutSystem           Action = "system-put"
	ActionRevokeSystem        Action = "system-revoke"
	ActionPutMailbox          Action = "mailbox-put"
	ActionPutWorkflow         Action = "workflow-put"
	ActionSetEventType        Action = "event-type-set"
	ActionApproveSubscription Action = "subscription-approve"
	ActionRetryDelivery       Action = "delivery-retry"
	ActionParkDelivery        Action = "delivery-park"
	ActionResendDelivery      Action = "delivery-resend"
	ActionReadAudit           Action = "audit-read"
	ActionExportAudit         Action = "audit-export"
)

// What the service does by itself.
const (
	ActionRoute          Action = "route"          // an event that had waited for the patient directory
	ActionDirectory      Action = "directory"      // an event changed records of the patient directory
	ActionPark           Action = "park"           // a delivery that cannot be made is set aside
	ActionWithhold       Action = "withhold"       // a delivery about a patient who was flagged after acceptance
	ActionPartnerIDCut   Action = "partner-id-cut" // a MESH takes fewer subscriptions than a copy names
	ActionAuditOverflow  Action = "audit-overflow" // Count entries found no room and are lost
	ActionStart          Action = "start"          // of a node
	ActionSeed           Action = "seed"           // the systems of the dev world are registered
	ActionAcceptLostTail Action = "lost-tail"      // started, as told, on a database that ends before its last checkpoint
	ActionAcceptOlderCRL Action = "older-crl"      // started, as told, with older revocation lists
)
