package operator

// Everything that an operator can do: a method of Desk, a line here, and the
// command or page that asks for it. The URLs are public.
var (
	ListSystems  = verb("listSystems", "GET systems", Viewer, "List the registered systems by ASID, revoked ones too.", Desk.systems)
	ShowSystem   = verb("showSystem", "GET systems/{asid}", Viewer, "Show one registration.", Desk.system)
	PutSystems   = verb("putSystems", "POST systems", Administrator, "Register systems or replace their registrations. All are checked before the first is kept.", Desk.putSystems)
	RevokeSystem = verb("revokeSystem", "POST systems/{asid}/revoke", Administrator, "Take all rights from a system, on every node within a second.", Desk.revokeSystem)

	ListMailboxes = verb("listMailboxes", "GET mailboxes", Viewer, "List the MESH mailboxes, without their passwords.", Desk.mailboxes)
	PutMailboxes  = verb("putMailboxes", "POST mailboxes", Administrator, "Keep mailboxes, replacing those with the same id. All are checked before the first is kept.", Desk.putMailboxes)
	PutWorkflows  = verb("putWorkflows", "POST workflows", Administrator, "Say which mailboxes may send and receive workflow ids.", Desk.putWorkflows)

	ListEndpoints   = verb("listEndpoints", "GET endpoints", Viewer, "List the endpoints, without their secrets.", Desk.endpoints)
	ShowEndpoint    = verb("showEndpoint", "GET endpoints/{id}", Viewer, "Show one endpoint, without its secrets.", Desk.showEndpoint)
	PutEndpoint     = verb("putEndpoint", "POST endpoints", Administrator, "Register an endpoint, or change one. The secret of a new webhook is shown once.", Desk.putEndpoint)
	RotateEndpoint  = verb("rotateEndpoint", "POST endpoints/{id}/rotate", Administrator, "Give a webhook a new secret, which is shown once. The previous one signs too for a day.", Desk.rotateEndpoint)
	EnableEndpoint  = verb("enableEndpoint", "POST endpoints/{id}/enable", Operator, "Send to an endpoint again, at once.", Desk.enableEndpoint)
	DisableEndpoint = verb("disableEndpoint", "POST endpoints/{id}/disable", Operator, "Send nothing to an endpoint any more. Copies wait for five days.", Desk.disableEndpoint)
	TestEndpoint    = verb("testEndpoint", "POST endpoints/{id}/test", Operator, "Send a test event to an endpoint now, and say what came of it.", Desk.testEndpoint)

	ListEventTypes = verb("listEventTypes", "GET event-types", Viewer, "List the event types by code, each with its life cycle.", Desk.eventTypes)
	SetLifeCycle   = verb("setLifeCycle", "PUT event-types/{code}", Administrator, "Move an event type to another state, on every node within a second.", Desk.setLifeCycle)

	FindControllers   = verb("findControllers", "POST controllers/search", Viewer, "Find rows of the controller catalogue, by organisation and event type.", Desk.controllers)
	ShowController    = verb("showController", "GET controllers/{organisation}", Viewer, "Show all that the controller catalogue says of an organisation, and the category bags that follow.", Desk.controllerRights)
	JudgeController   = verb("judgeController", "POST controllers/judge", Viewer, "Say whether the controller catalogue permits something to an organisation, by which row, and what is missing.", Desk.judgeController)
	ReportControllers = verb("reportControllers", "GET controllers/report", Viewer, "List what was done although the controller catalogue does not permit it, while it is only reported on: by whom, what is missing, and how often.", Desk.reportControllers)
	ChangeControllers = verb("changeControllers", "POST controllers", Administrator, "Put and remove rows of the controller catalogue, all or none, with a reason; or try what would change.", Desk.changeControllers)

	FindSubscriptions    = verb("findSubscriptions", "POST subscriptions/search", Viewer, "Find subscriptions, oldest first. No patient is shown.", Desk.subscriptions)
	ApproveSubscriptions = verb("approveSubscriptions", "POST subscriptions/approve", Operator, "Make subscriptions active that wait for it. All are checked before the first is approved.", Desk.approveSubscriptions)
	ShowSubscription     = verb("showSubscription", "GET subscriptions/{id}", Viewer, "Show one subscription. No patient is shown.", Desk.showSubscription)
	PreviewSubscription  = verb("previewSubscription", "POST subscriptions/preview", Operator, "Say what a subscription would ask for, and how many events of the last seven days it would have matched.", Desk.previewSubscription)
	CreateSubscription   = verb("createSubscription", "POST subscriptions", Operator, "Subscribe as one of the systems of the development world, through the front door.", Desk.createSubscription)
	RejectSubscriptions  = verb("rejectSubscriptions", "POST subscriptions/reject", Operator, "Reject subscriptions that wait for approval, with a reason that their owners can read. All are checked before the first is rejected.", Desk.rejectSubscriptions)
	EndSubscriptions     = verb("endSubscriptions", "POST subscriptions/end", Operator, "End active subscriptions now, with a reason that their owners can read. All are checked before the first is ended.", Desk.endSubscriptions)
	DeleteSubscriptions  = verb("deleteSubscriptions", "POST subscriptions/delete", Operator, "Delete subscriptions as their owners would. All are checked before the first is deleted.", Desk.deleteSubscriptions)

	FindDeliveries = verb("findDeliveries", "POST deliveries/search", Viewer, "Find deliveries by mailbox and, within one, in the order of acceptance.", Desk.deliveries)
	ShowDelivery   = verb("showDelivery", "GET deliveries/{id}", Viewer, "Show one delivery.", Desk.delivery)
	MoveDeliveries = verb("moveDeliveries", "POST deliveries/move/{move}", Operator, "Retry, park or resend deliveries, as far as they are in a state for it.", Desk.moveDeliveries)

	StartReplay  = verb("startReplay", "POST replays", Operator, "Give a subscription the events again that it had, as they were matched. The basis is recorded.", Desk.startReplay)
	TryReplay    = verb("tryReplay", "POST replays/try", Operator, "Say what a replay would look at: how many copies of which event types on which days. Nothing is sent.", Desk.tryReplay)
	FindReplays  = verb("findReplays", "POST replays/search", Viewer, "Find replays, the newest first. No patient is shown.", Desk.replays)
	ShowReplay   = verb("showReplay", "GET replays/{id}", Viewer, "Show one replay and how far it has come.", Desk.showReplay)
	ChangeReplay = verb("changeReplay", "POST replays/{id}/{deed}", Operator, "Pause, resume or cancel a replay, or pace it: give it another rate.", Desk.changeReplay)

	FindRefusals = verb("findRefusals", "POST refusals/search", Viewer, "Find requests that were refused within the last two weeks, with their reasons, the newest first. No patient is shown.", Desk.refusals)

	FindEvents = verb("findEvents", "POST events/search", Viewer, "Find accepted events, the newest first. No patient is shown; to search for one needs the role governance, and is recorded.", Desk.events)
	ShowEvent  = verb("showEvent", "GET events/{event}", Viewer, "Show an event and what became of its copies. No patient is shown.", Desk.showEvent)
	ReadEvent  = verb("readEvent", "POST events/read", Governance, "Read the message of an event. Who read it, and why, is recorded.", Desk.readEvent)

	ExplainEvent   = verb("explainEvent", "POST events/explain", Governance, "Explain which subscriptions an event matches and which not, criterion by criterion, and what became of its copies. That somebody looked is recorded.", Desk.explainEvent)
	ExplainMessage = verb("explainMessage", "POST messages/explain", Governance, "Explain which subscriptions a message would match, without publishing it. That somebody looked is recorded.", Desk.explainMessage)

	CheckMessage   = verb("checkMessage", "POST messages/check", Operator, "Say what is wrong with a message, and what publishing it would answer. Nothing is stored.", Desk.checkMessage)
	ComposeMessage = verb("composeMessage", "POST messages/compose", Operator, "Make a message of an event type about a patient of the directory, valid at the level strict.", Desk.composeMessage)
	PublishMessage = verb("publishMessage", "POST messages/publish", Operator, "Publish a message as one of the systems of the development world, through the front door.", Desk.publishMessage)

	ShowDirectory      = verb("showDirectory", "GET directory", Viewer, "Say which parts of the directory there are.", Desk.showDirectory)
	LookUpOrganisation = verb("lookUpOrganisation", "GET directory/organisations/{code}", Viewer, "Look up an organisation by its ODS code.", Desk.lookUpOrganisation)
	LookUpPostcode     = verb("lookUpPostcode", "POST directory/postcodes", Viewer, "Look up where a postcode lies.", Desk.lookUpPostcode)
	LookUpPatient      = verb("lookUpPatient", "POST directory/patients", Governance, "Look up what the directory knows of a patient. Who looked, and why, is recorded.", Desk.lookUpPatient)

	FindQuotaUses = verb("findQuotaUses", "POST quotas/search", Viewer, "Find what owners have of what quotas limit, those with the most of each first.", Desk.quotaUses)
	ShowAttention = verb("showAttention", "GET attention", Viewer, "Show what a person should look at: parked copies, what waits for approval, certificates that expire, and so on.", Desk.attention)
	ShowOverview  = verb("showOverview", "GET overview", Viewer, "Show how much there is, the latest events and the mailboxes.", Desk.overview)

	CountOverTime = verb("countOverTime", "POST counts", Viewer, "Count what was published, refused, matched and collected in each minute, hour or day.", Desk.counts)

	SearchAudit       = verb("searchAudit", "POST audit/search", Governance, "Find entries of the audit. What is looked for is itself recorded.", Desk.audit)
	TellPatient       = verb("tellPatient", "POST patients/story", Governance, "Tell all that happened about one patient, oldest first: publishes, copies, collections, subscriptions and look-ups, with who and why. That somebody looks is recorded.", Desk.story)
	TellRectification = verb("tellRectification", "POST rectifications", Governance, "Tell of an event that was corrected or withdrawn who had the earlier version, who has been told, who has collected the correction, and who has to be told by a person. That somebody looks is recorded.", Desk.rectifications)
	ShowRetention     = verb("showRetention", "GET retention", Viewer, "Show how long events of each type are kept, and what was last removed of each.", Desk.retention)
	ProveRetention    = verb("proveRetention", "POST retention/prove", Governance, "Look through the oldest events for any that should have been removed, and find the entry of the audit that tells of each type's last removal. That somebody looks is recorded.", Desk.proveRetention)
	WriteRegister     = verb("writeRegister", "POST record/register", Viewer, "Write the register of processing: which organisation receives or publishes which event types, by which subscriptions, for which purpose and on which basis. No patient is shown.", Desk.register)
	ListReviews       = verb("listReviews", "POST record/reviews", Viewer, "List what is due for review: subscriptions older than a year, and rows of the controller catalogue that need somebody. No patient is shown.", Desk.reviews)
	TellRecipients    = verb("tellRecipients", "POST record/recipients", Governance, "Tell which organisations received which events about a patient, how often, by which subscriptions and why. That somebody looks is recorded.", Desk.recipients)
	VerifyAudit       = verb("verifyAudit", "POST audit/verify", Governance, "Check that nothing in the audit was changed, removed or reordered, up to the last signed checkpoint. At most three million entries are checked. That somebody checks is recorded.", Desk.verifyAudit)
	ExportChain       = verb("exportChain", "POST audit/chain", Governance, "Export the links of the audit's chain, oldest first. That it is exported is recorded.", Desk.chain)

	FindRecords  = verb("findRecords", "POST records/search", Governance, "Find patients' records that are kept here, by their numbers. That somebody looks is recorded.", Desk.findRecords)
	ReadRecord   = verb("readRecord", "POST records/read", Governance, "Read a patient's record with its versions and their events. Who reads it, and why, is recorded.", Desk.readRecord)
	ChangeRecord = verb("changeRecord", "POST records/change", Operator, "Change a patient's record. The events of the change are published in the same transaction: record and events are both there, or neither.", Desk.changeRecord)
	NotifyBirth  = verb("notifyBirth", "POST records/births", Operator, "Make the record of a newborn and notify the birth.", Desk.notifyBirth)
	LoadRecords  = verb("loadRecords", "POST records/load", Administrator, "Keep whole records of patients who have none, without any event. All are checked before the first is kept.", Desk.loadRecords)

	RevealPatients = verb("revealPatients", "POST patients/reveal", Governance, "Record that identifiers of patients are looked at, and why.", Desk.reveal)

	ShowClock = verb("showClock", "GET clock", Viewer, "Show the clock of a development service.", Desk.showClock)
	SetClock  = verb("setClock", "POST clock", Administrator, "Set, stop or run the clock of a development service. Events, ages, ends and expiry go by it.", Desk.setClock)

	CreateSignInLink = verb("createSignInLink", "POST sessions/links", Administrator, "Make a link that lets somebody in to the console once, within five minutes, with roles of whoever makes it.", Desk.signInLink)
	ListSessions     = verb("listSessions", "GET sessions", Administrator, "List those who are signed in to the console, in the order in which they came.", Desk.sessions)
	EndSession       = verb("endSession", "POST sessions/{session}/end", Administrator, "End somebody's session, on every node at once.", Desk.endSession)
)
