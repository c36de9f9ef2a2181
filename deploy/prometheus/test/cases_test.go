package test

// example is a piece of time in which an alert fires, or does not. The clock starts
// at 0, a sample is taken every minute.
type example struct {
	series map[string]string // name and labels: values, as promtool writes them
	at     string            // when is looked, from the start
	fires  string            // the labels of the alert that fires, without those of the rule; "" if none does
}

const quiet = "-" // nothing fires

// examples has for every alert at least one piece of time in which it fires and one
// in which it does not.
var examples = map[string][]example{
	"NemsNoNodeReady": {
		{one(`nems_ready{instance="a"}`, "1x3 0x20"), "10m", "{}"},
		{nil, "5m", "{}"},
		{map[string]string{`nems_ready{instance="a"}`: "0x20", `nems_ready{instance="b"}`: "1x20"}, "10m", quiet},
	},
	"NemsNodeNotReady": {
		{map[string]string{`nems_ready{instance="a"}`: "0x20", `nems_ready{instance="b"}`: "1x20"}, "10m", `{instance="a"}`},
		{one(`nems_ready{instance="a"}`, "1x5 0x2 1x20"), "10m", quiet},
	},
	"NemsServerErrors": {
		{map[string]string{`nems_answers_total{action="publish",code="",status="202"}`: "0+60x30", `nems_answers_total{action="publish",code="INTERNAL_SERVER_ERROR",status="500"}`: "0+2x30"}, "10m", "{}"},
		{map[string]string{`nems_answers_total{action="publish",code="",status="202"}`: "0+600x30", `nems_answers_total{action="publish",code="X",status="400"}`: "0+60x30", `nems_answers_total{action="publish",code="Y",status="503"}`: "0+1x30"}, "10m", quiet},
		{one(`nems_answers_total{action="publish",code="",status="202"}`, "0+60x30"), "10m", quiet},
	},
	"NemsMeshServerErrors": {
		{map[string]string{`nems_mesh_answers_total{action="list",status="200"}`: "0+60x30", `nems_mesh_answers_total{action="list",status="503"}`: "0+6x30"}, "10m", "{}"},
		{map[string]string{`nems_mesh_answers_total{action="list",status="200"}`: "0+60x30", `nems_mesh_answers_total{action="list",status="403"}`: "0+6x30"}, "10m", quiet},
	},
	"NemsPublishSlow": {
		{map[string]string{`nems_answer_seconds_bucket{action="publish",le="1"}`: "0+50x30", `nems_answer_seconds_bucket{action="publish",le="2.5"}`: "0+60x30", `nems_answer_seconds_bucket{action="publish",le="+Inf"}`: "0+60x30"}, "20m", "{}"},
		{map[string]string{`nems_answer_seconds_bucket{action="publish",le="1"}`: "0+60x30", `nems_answer_seconds_bucket{action="publish",le="2.5"}`: "0+60x30", `nems_answer_seconds_bucket{action="publish",le="+Inf"}`: "0+60x30"}, "20m", quiet},
	},
	"NemsRefusalsJump": {
		{map[string]string{`nems_answers_total{action="publish",code="",status="202"}`: "0+60x200", `nems_answers_total{action="publish",code="X",status="400"}`: "0x160 0+30x40"}, "180m", "{}"},
		{map[string]string{`nems_answers_total{action="publish",code="",status="202"}`: "0+60x200", `nems_answers_total{action="publish",code="X",status="400"}`: "0+30x200"}, "180m", quiet},  // as before
		{map[string]string{`nems_answers_total{action="publish",code="",status="202"}`: "0x200", `nems_answers_total{action="publish",code="X",status="400"}`: "0x170 0+1x30"}, "180m", quiet}, // too few
	},
	"NemsQueueFull": {
		{one(`nems_commit_refused_total{instance="a"}`, "0+5x20"), "10m", `{instance="a"}`},
		{one(`nems_commit_refused_total{instance="a"}`, "7x20"), "10m", quiet},
	},
	"NemsMailboxNotCollected": {
		{one(`nems_inbox_oldest_seconds{instance="a",mailbox="M"}`, "90000x30"), "15m", `{mailbox="M"}`},
		{one(`nems_inbox_oldest_seconds{instance="a",mailbox="M"}`, "80000x30"), "15m", quiet},
	},
	"NemsCopiesNearExpiry": {
		{one(`nems_inbox_oldest_seconds{instance="a",mailbox="M"}`, "350000x30"), "15m", `{mailbox="M"}`},
		{one(`nems_inbox_oldest_seconds{instance="a",mailbox="M"}`, "340000x30"), "15m", quiet},
	},
	"NemsCopiesExpired": {
		{one(`nems_copies_total{fate="expired",instance="a"}`, "0x10 3x10"), "15m", "{}"},
		{map[string]string{`nems_copies_total{fate="expired",instance="a"}`: "3x20", `nems_copies_total{fate="made",instance="a"}`: "0+9x20"}, "15m", quiet},
	},
	"NemsRemoteMeshBacklog": {
		{one(`nems_courier_oldest_seconds{instance="a",mailbox="R"}`, "4000x30"), "15m", `{mailbox="R"}`},
		{one(`nems_courier_oldest_seconds{instance="a",mailbox="R"}`, "4000x5 10x30"), "15m", quiet},
	},
	"NemsCopiesParked": {
		{one(`nems_inbox_parked{instance="a",mailbox="M"}`, "2x20"), "10m", `{mailbox="M"}`},
		{one(`nems_courier_parked{instance="a",mailbox="R"}`, "2x20"), "10m", `{mailbox="R"}`},
		{map[string]string{`nems_inbox_parked{instance="a",mailbox="M"}`: "0x20", `nems_courier_parked{instance="a",mailbox="R"}`: "0x20"}, "10m", quiet},
	},
	"NemsEventsWaitForPDS": {
		{one(`nems_events_unrouted_oldest_seconds{instance="a"}`, "700x20"), "10m", "{}"},
		{one(`nems_events_unrouted_oldest_seconds{instance="a"}`, "0x20"), "10m", quiet},
	},
	"NemsEventsUndeliverable": {
		{one(`nems_events_unrouted{instance="a",state="refused"}`, "1x20"), "10m", "{}"},
		{map[string]string{`nems_events_unrouted{instance="a",state="refused"}`: "0x20", `nems_events_unrouted{instance="a",state="pending"}`: "5x20"}, "10m", quiet},
	},
	"NemsDirectoryEmpty": {
		{map[string]string{`nems_directory_filled{instance="a",part="patients"}`: "0x20", `nems_directory_filled{instance="a",part="postcodes"}`: "1x20"}, "10m", `{instance="a",part="patients"}`},
		{one(`nems_directory_filled{instance="a",part="patients"}`, "1x20"), "10m", quiet},
	},
	"NemsCommitsFail": {
		{one(`nems_commits_failed_total{instance="a"}`, "0+10x20"), "10m", `{instance="a"}`},
		{one(`nems_commits_failed_total{instance="a"}`, "0x5 1x20"), "10m", quiet}, // one alone
	},
	"NemsDiskNearlyFull": {
		{map[string]string{`nems_data_free_bytes{instance="a"}`: "9x30", `nems_data_size_bytes{instance="a"}`: "100x30"}, "15m", `{instance="a"}`},
		{map[string]string{`nems_data_free_bytes{instance="a"}`: "11x30", `nems_data_size_bytes{instance="a"}`: "100x30"}, "15m", quiet},
	},
	"NemsDiskFull": {
		{map[string]string{`nems_data_free_bytes{instance="a"}`: "2x30", `nems_data_size_bytes{instance="a"}`: "100x30"}, "5m", `{instance="a"}`},
		{map[string]string{`nems_data_free_bytes{instance="a"}`: "9x30", `nems_data_size_bytes{instance="a"}`: "100x30"}, "5m", quiet},
	},
	"NemsStandbyLost": {
		{one(`nems_database_standbys{instance="a"}`, "1x30 0x20"), "40m", "{}"},
		{one(`nems_database_standbys{instance="a"}`, "1x50"), "40m", quiet},
		{one(`nems_database_standbys{instance="a"}`, "0x50"), "40m", quiet}, // there never was one
	},
	"NemsAuditCheckpointOld": {
		{one(`nems_audit_checkpoint_timestamp_seconds{instance="a"}`, "60x20"), "10m", "{}"},
		{map[string]string{`nems_audit_checkpoint_timestamp_seconds{instance="a"}`: "60x20", `nems_audit_checkpoint_timestamp_seconds{instance="b"}`: "0+60x20"}, "10m", quiet}, // one node signs for all
	},
	"NemsAuditWaiting": {
		{one(`nems_audit_waiting{instance="a"}`, "9000x20"), "5m", `{instance="a"}`},
		{one(`nems_audit_waiting{instance="a"}`, "9000 10x20"), "5m", quiet},
	},
	"NemsQuotaNearlyUsed": {
		{map[string]string{`nems_quota_used{instance="a",owner="O",quota="q"}`: "95x30", `nems_quota_limit{instance="a",quota="q"}`: "100x30"}, "20m", `{owner="O",quota="q"}`},
		{map[string]string{`nems_quota_used{instance="a",owner="O",quota="q"}`: "85x30", `nems_quota_limit{instance="a",quota="q"}`: "100x30"}, "20m", quiet},
	},
	"NemsClockJumped": {
		{one(`nems_clock_jumps_total{direction="forward",instance="a"}`, "0x5 1x20"), "7m", `{direction="forward",instance="a"}`},
		{one(`nems_clock_jumps_total{direction="forward",instance="a"}`, "1x40"), "30m", quiet},
	},
	"NemsClocksDiffer": {
		{one(`nems_clock_database_apart_seconds{instance="a"}`, "-61x20"), "10m", `{instance="a"}`},
		{one(`nems_clock_database_apart_seconds{instance="a"}`, "30x20"), "10m", quiet},
	},
	"NemsCertificateExpiresSoon": {
		{one(`nems_certificate_expiry_timestamp_seconds{certificate="own",instance="a",listener="fhir"}`, "864000x30"), "15m", `{certificate="own",listener="fhir"}`},
		{one(`nems_certificate_expiry_timestamp_seconds{certificate="own",instance="a",listener="fhir"}`, "1296000x30"), "15m", quiet},
	},
	"NemsCertificateExpires": {
		{one(`nems_certificate_expiry_timestamp_seconds{certificate="own",instance="a",listener="fhir"}`, "172800x30"), "15m", `{certificate="own",listener="fhir"}`},
		{one(`nems_certificate_expiry_timestamp_seconds{certificate="own",instance="a",listener="fhir"}`, "864000x30"), "15m", quiet},
	},
	"NemsCatalogueEvidenceExpires": {
		{one(`nems_catalogue_rows_expiring{instance="a",within="14d"}`, "2x30"), "15m", `{}`},
		{one(`nems_catalogue_rows_expiring{instance="a",within="60d"}`, "2x30"), "15m", quiet},
	},
	"NemsCatalogueEvidenceExpired": {
		{one(`nems_catalogue_rows_expiring{instance="a",within="expired"}`, "1x30"), "15m", `{}`},
		{one(`nems_catalogue_rows_expiring{instance="a",within="expired"}`, "0x30"), "15m", quiet},
	},
	"NemsCertificatesNotTaken": {
		{one(`nems_certificate_reloads_total{file="own",instance="a",listener="fhir",outcome="refused"}`, "0x5 1x20"), "7m", `{file="own",instance="a",listener="fhir"}`},
		{one(`nems_certificate_reloads_total{file="own",instance="a",listener="fhir",outcome="taken"}`, "0x5 1x20"), "7m", quiet},
	},
	"NemsRevocationListOutOfDate": {
		{one(`nems_revocation_list_expiry_timestamp_seconds{instance="a",listener="fhir"}`, "60x30"), "15m", `{listener="fhir"}`},
		{one(`nems_revocation_list_expiry_timestamp_seconds{instance="a",listener="fhir"}`, "0x30"), "15m", quiet}, // no list
		{one(`nems_revocation_list_expiry_timestamp_seconds{instance="a",listener="fhir"}`, "9000x30"), "15m", quiet},
	},
}

func one(series, values string) map[string]string { return map[string]string{series: values} }
