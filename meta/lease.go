package meta

import "time"

// MaxTTL is how long a lease lasts at most; longer claims get that. What seems to last
// longer was given before the catalog's clock was set back, and is held by nobody.
const MaxTTL = time.Hour

// Claim is a request to become the writer.
type Claim struct {
	Holder string // who it is, for people
	Log    string // id of its log (NewLog); the holder of that log may always come back
	// TTL is how long the lease lasts unless it is renewed, by the catalog's clock; MaxTTL
	// at most.
	// With 0 others may take over at once.
	TTL time.Duration
}

// Lease is the present writer's right to write.
type Lease struct {
	Epoch   int64
	Holder  string
	Log     string
	Expires int64 // instant, by the catalog's clock
}
