package store

import "time"

// ViewWait is how long a read may take that somebody looks at, the wait for a
// connection included: an overview, a page of a search or of an operator's list,
// a scrape of metrics.
const ViewWait = 5 * time.Second
