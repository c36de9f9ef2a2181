package audit

// Action says what was done. The texts are stored and hashed, so a text never
// changes its meaning, and a text that is no longer written stays in this list.
// Chains of a later version may contain other actions.
type Action string

// What callers of the FHIR API do.
const (
	ActionPublish    Action = "publish"
	ActionSubscribe  Action = "subscribe"
	ActionRead       Action = "read"
	ActionSearch     Action = "search"
	ActionDelete     Action = "delete"
	ActionFollow     Action = "follow"     // the events of a subscription: its stream, or a page of them
	ActionTake       Action = "take"       // says up to which event of a subscription it has them
	ActionReactivate Action = "reactivate" // an R4 subscription, or how its endpoint is called
	ActionBatch      Action = "batch"      // a whole batch, or an entry of it whose interaction is unknown
)

// What callers of the MESH API do.
const (
	ActionHandshake      Action = "handshake"
	ActionLookup         Action = "lookup" // finds the mailboxes of an organisation
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
	ActionPutEndpoint         Action = "endpoint-put"
	ActionTestEndpoint        Action = "endpoint-test"
	ActionPutWorkflow         Action = "workflow-put"
	ActionSetEventType        Action = "event-type-set"
	ActionPutController       Action = "controller-put"    // a row of the controller catalogue
	ActionRemoveController    Action = "controller-remove" // a row is taken out of it
	ActionApproveSubscription Action = "subscription-approve"
	ActionRejectSubscription  Action = "subscription-reject"
	ActionEndSubscription     Action = "subscription-end"
	ActionDeleteSubscription  Action = "subscription-delete" // by an operator; the owner's is delete
	ActionRetryDelivery       Action = "delivery-retry"
	ActionParkDelivery        Action = "delivery-park"
	ActionResendDelivery      Action = "delivery-resend"
	ActionStartReplay         Action = "replay-start" // owners of subscriptions do so too
	ActionPauseReplay         Action = "replay-pause"
	ActionResumeReplay        Action = "replay-resume"
	ActionCancelReplay        Action = "replay-cancel"
	ActionPaceReplay          Action = "replay-pace" // another rate
	ActionReadAudit           Action = "audit-read"
	ActionExportAudit         Action = "audit-export"
	ActionSignIn              Action = "sign-in"
	ActionSignOut             Action = "sign-out"
	ActionSignInLink          Action = "sign-in-link"    // a link was made that lets somebody in once
	ActionEndSession          Action = "session-end"     // an operator ended the session of somebody
	ActionReveal              Action = "reveal"          // identifiers of patients were shown to somebody who gave a reason
	ActionExplain             Action = "explain"         // why an event reached a subscription, or not; subscribers ask, too
	ActionReadEvent           Action = "event-read"      // the message of an event, by an operator
	ActionLookUpPatient       Action = "patient-lookup"  // what the directory knows of a patient
	ActionProveRetention      Action = "retention-prove" // looked for what should have been removed
	ActionReadRecipients      Action = "recipients-read" // who received what about a patient
	ActionVerifyAudit         Action = "audit-verify"
	ActionReadStory           Action = "patient-story"      // all that happened about one patient
	ActionFindEvents          Action = "events-find"        // the events of one patient
	ActionReadRectification   Action = "rectification-read" // who had what was corrected or withdrawn, and who was told
	ActionChangeRecord        Action = "record-change"      // of a patient; also by systems that PDS's API serves
	ActionReadRecord          Action = "record-read"
	ActionFindRecords         Action = "records-find" // patients' records by name, day of birth or place
	ActionSetClock            Action = "clock-set"    // of a development service
)

// What the service does by itself.
const (
	ActionRoute             Action = "route"                // an event that had waited for the patient directory
	ActionDirectory         Action = "directory"            // an event changed records of the patient directory
	ActionEndpointHandshake Action = "endpoint-handshake"   // an R4 subscription was offered to its endpoint
	ActionEndpointGone      Action = "endpoint-gone"        // a webhook is off: it answered 410, or that of an R4 subscription failed
	ActionSuspend           Action = "subscription-suspend" // the controller catalogue does not permit a subscription any more
	ActionRestore           Action = "subscription-restore" // it permits it again
	ActionShortfall         Action = "catalogue-shortfall"  // something was done that the controller catalogue, which is only reported on, does not permit
	ActionPark              Action = "park"                 // a delivery that cannot be made is set aside
	ActionEndReplay         Action = "replay-end"           // a replay came to its end
	ActionWithhold          Action = "withhold"             // a delivery about a patient who was flagged after acceptance
	ActionPartnerIDCut      Action = "partner-id-cut"       // a MESH accepts fewer subscriptions than a copy names
	ActionAuditOverflow     Action = "audit-overflow"       // there was no room for Count entries, and they are lost
	ActionPurge             Action = "purge"                // retention removed events of a type
	ActionStart             Action = "start"                // a node was started
	ActionSeed              Action = "seed"                 // the systems of the dev world are registered
	ActionAcceptLostTail    Action = "lost-tail"            // started, by an operator's choice, on a database that ends before its last checkpoint
	ActionMoveDatabase      Action = "database-move"        // the service was moved here from another database
	ActionAcceptOlderCRL    Action = "older-crl"            // started, by an operator's choice, with older revocation lists
)

// Actions lists all of them, in the order above.
var Actions = []Action{
	ActionPublish,
	ActionSubscribe,
	ActionRead,
	ActionSearch,
	ActionDelete,
	ActionReactivate,
	ActionFollow,
	ActionTake,
	ActionBatch,
	ActionHandshake,
	ActionLookup,
	ActionWorkflowSearch,
	ActionList,
	ActionCount,
	ActionRichInbox,
	ActionRichOutbox,
	ActionHead,
	ActionDownload,
	ActionDownloadChunk,
	ActionAcknowledge,
	ActionSend,
	ActionSendChunk,
	ActionTrack,
	ActionTrackLocalID,
	ActionReset,
	ActionPutReport,
	ActionAddEvent,
	ActionMessageDetails,
	ActionMailboxDetails,
	ActionPutSystem,
	ActionRevokeSystem,
	ActionPutMailbox,
	ActionPutEndpoint,
	ActionTestEndpoint,
	ActionPutWorkflow,
	ActionSetEventType,
	ActionPutController,
	ActionRemoveController,
	ActionApproveSubscription,
	ActionRejectSubscription,
	ActionEndSubscription,
	ActionDeleteSubscription,
	ActionRetryDelivery,
	ActionParkDelivery,
	ActionResendDelivery,
	ActionStartReplay,
	ActionPauseReplay,
	ActionResumeReplay,
	ActionCancelReplay,
	ActionPaceReplay,
	ActionReadAudit,
	ActionExportAudit,
	ActionSignIn,
	ActionSignOut,
	ActionSignInLink,
	ActionEndSession,
	ActionReveal,
	ActionExplain,
	ActionReadEvent,
	ActionLookUpPatient,
	ActionProveRetention,
	ActionReadRecipients,
	ActionVerifyAudit,
	ActionReadStory,
	ActionFindEvents,
	ActionReadRectification,
	ActionChangeRecord,
	ActionReadRecord,
	ActionFindRecords,
	ActionSetClock,
	ActionRoute,
	ActionDirectory,
	ActionEndpointHandshake,
	ActionEndpointGone,
	ActionSuspend,
	ActionRestore,
	ActionShortfall,
	ActionPark,
	ActionEndReplay,
	ActionWithhold,
	ActionPartnerIDCut,
	ActionAuditOverflow,
	ActionPurge,
	ActionStart,
	ActionSeed,
	ActionAcceptLostTail,
	ActionMoveDatabase,
	ActionAcceptOlderCRL,
}
