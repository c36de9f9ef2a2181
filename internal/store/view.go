package store

import "time"

// ViewWait is how long a read may take, waiting for a connection included, when
// somebody is waiting to see the result: an overview, a page of a search or of
// an operator's list, or a scrape of metrics.
const ViewWait = 5 * time.Second
