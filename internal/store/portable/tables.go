package portable

func ints(names ...string) []Column  { return columns(Int, names) }
func texts(names ...string) []Column { return columns(Text, names) }
func blobs(names ...string) []Column { return columns(Bytes, names) }
func bools(names ...string) []Column { return columns(Bool, names) }

func columns(kind Kind, names []string) (out []Column) {
	for _, name := range names {
		out = append(out, Column{Name: name, Kind: kind})
	}
	return out
}

// loose marks columns on which the engines need not agree.
func loose(all []Column) []Column {
	for i := range all {
		all[i].Loose = true
	}
	return all
}

func table(name string, parts ...[]Column) Table {
	t := Table{Name: name}
	for _, p := range parts {
		t.Columns = append(t.Columns, p...)
	}
	return t
}

// Tables lists what moves, in the order in which it is written.
var Tables = []Table{
	table("event_type", texts("code", "workflow")),
	table("event_code", texts("code")),
	table("mailbox", ints("row"), texts("id", "name", "ods", "password"), bools("remote")),
	table("workflow", texts("id", "senders", "receivers")), // mailbox ids as JSON
	table("system", texts("asid"), blobs("value"), bools("revoked")),
	table("life_cycle", texts("code"), blobs("value")),
	table("controller_row", texts("id"), blobs("value")),
	table("registry", ints("version")),
	table("clock_shift", ints("first", "ahead", "at")),
	// filed has the mailboxes that got a copy at once, as varints: NULL where they are
	// in fanout, and for an engine that does not keep them with the event.
	table("event", ints("id", "type"), texts("kind", "message_id", "publisher"), bools("withheld"), blobs("warnings"), ints("copies", "codec", "size"),
		blobs("sha256", "body"), ints("patient"), blobs("facts"), loose(blobs("filed"))),
	table("event_piece", ints("event", "n"), blobs("data")),
	table("fanout", ints("event", "next"), blobs("copies")),   // those that are not spread to the end
	table("pending", ints("event", "rank"), texts("refusal")), // rank: see Ranks
	table("inbox", ints("mailbox", "position", "type", "size"), blobs("asked"), texts("partner", "workflow")),
	table("collected", ints("mailbox", "position", "type", "size"), blobs("asked"), texts("partner", "status"), ints("at"), blobs("fault")),
	table("delivery", ints("mailbox", "position", "attempts", "refusals", "first"), bools("uncertain"), ints("round"), texts("mesh_id"), blobs("fault", "tries"), ints("replay")),
	table("lane", ints("mailbox", "generation", "next_attempt", "failures")), // who is busy with it is not moved: nobody is
	table("endpoint", ints("mailbox"), blobs("value"), ints("version"), texts("channel", "owner", "held"), ints("idle")),
	table("numbering", blobs("subscription"), ints("epoch", "last", "changed")),
	table("numbered", blobs("subscription"), ints("number", "mailbox", "position", "at")),
	table("cursor", blobs("subscription"), ints("epoch", "number", "at")),
	table("replay", ints("id"), blobs("subscription"), texts("ods"), ints("source", "target", "first", "mark", "cursor"), texts("mode", "state"), ints("rate"), bools("earlier"),
		ints("total", "sent", "withheld", "expired", "passed"), texts("basis", "who"), ints("began", "ended"), texts("reason"), ints("generation")), // as for lanes
	table("message", ints("position", "mailbox"), texts("sender", "local_id", "status"), ints("status_at", "expires"), blobs("headers"), ints("size")),
	table("piece", ints("position", "chunk", "generation", "n"), blobs("data"), ints("codec")),
	table("chunk", ints("position", "chunk", "generation", "pieces", "size")),
	table("upload", ints("generation", "position", "chunk", "mailbox", "size")),
	table("idempotency", blobs("digest"), ints("event"), blobs("sha256"), loose(ints("copies"))), // PostgreSQL asks the event
	table("subscription", blobs("id"), texts("asid", "ods"), ints("mailbox"), texts("endpoint", "criteria"), ints("hash", "same", "status", "ends"),
		texts("reason"), ints("created", "version"), texts("contacts"), ints("class"), texts("error"), bools("rejected")),
	table("route", ints("hash", "code", "class", "mailbox"), blobs("id", "candidate"), ints("rank")), // rank: see Ranks
	table("quarantine", blobs("id"), ints("at"), texts("reason")),
	table("patient_change", ints("event", "patient")),
	table("patient_record", ints("patient", "scn", "at", "superseded"), texts("born", "practice"), blobs("request", "made", "body")),
	table("patient_key", ints("kind"), texts("value"), ints("patient")),
	table("patient_version", ints("patient", "scn", "at", "superseded"), blobs("request", "made", "body"), ints("replaced")),
	table("refusal", ints("n", "at"), texts("action", "asid", "ods", "certificate"), ints("status"), texts("code", "event_type", "message_id", "reason")),
	table("count_bar", ints("per", "at", "published", "refused", "matched", "copies", "collected", "waiting", "counted")),
	table("message_filed", ints("bucket", "first", "last"), blobs("hits")),
	table("session", ints("n"), blobs("key"), texts("user", "proof", "certificate", "roles"), ints("begun", "seen", "ends")),
	table("sign_in_link", blobs("key"), texts("user", "roles"), ints("ends")),
	table("witness", texts("name"), blobs("value")),
	// SQLite numbers links by positions, PostgreSQL by a sequence: id is loose, their
	// order is not.
	table("audit_link", loose(ints("id")), ints("chain", "seq", "at"), blobs("heads", "hash", "entries")),
}

// Find returns the table of a name.
func Find(name string) (Table, bool) {
	for _, t := range Tables {
		if t.Name == name {
			return t, true
		}
	}
	return Table{}, false
}

// Elsewhere are tables of one engine whose content is in a table of Tables with
// another name.
var Elsewhere = map[string]string{
	"registry_version": "registry",
	"version":          "registry",
	"spread":           "fanout",
	"route_class":      "route",
}

// directory says why the directory of PostgreSQL does not move.
const directory = "the directory: an embedded service has it in directory.db, which a node on PostgreSQL takes over; the way back is an import"

// NotMoved are the tables that deliberately stay behind, each with the reason.
var NotMoved = map[string]string{
	"node":                      "leases of running nodes, and none runs",
	"leader":                    "leases of running nodes, and none runs",
	"nonce":                     "used MESH tokens are valid for two hours; a backup leaves them out too",
	"audit_filed":               "an index of the audit by patient: housekeeping makes it again",
	"audit_chain":               "the ends of the chains follow from their links",
	"held":                      "what consumers of queues hold: they are given it again",
	"quota_use":                 "counters: they follow from what they count",
	"event_count":               "a counter: it follows from the events",
	"purged":                    "the audit tells what was removed; rules of event types look at every event again",
	"retained":                  "rules of event types look at every event again",
	"progress":                  "how far sweeps have come: the next ones begin anew",
	"mailbox_number":            "rows of mailboxes that are gone: nothing that moves names one",
	"sqlite_sequence":           "numbers of SQLite's own: they follow from the rows",
	"sqlite_stat1":              "statistics of SQLite's own",
	"nems_schema_version":       "the schema's, not the service's",
	"unfinished_move":           "the mark of the move itself",
	"directory_part":            directory,
	"directory_patients_1":      directory,
	"directory_organisations_1": directory,
	"directory_postcodes_1":     directory,
	"directory_learnt":          directory,
	"directory_state":           directory,
	"directory_import":          directory,
	"directory_chunk":           directory,
}
