package store

import (
	"crypto/sha256"
	"time"
)

// SessionKey is the SHA-256 of a secret that a browser holds. The secret itself is
// not stored: whoever reads the database cannot take over a session.
type SessionKey [sha256.Size]byte

// KeyOfSession is the key of a secret.
func KeyOfSession(secret string) SessionKey { return sha256.Sum256([]byte(secret)) }

// Session is somebody who has signed in to the console.
type Session struct {
	N   int64 // the store's number, by which operators name it
	Key SessionKey
	// User is the name of who signed in, Proof how it was proven, Certificate the
	// name in the certificate that was shown for it, "" if there was none.
	User, Proof, Certificate string
	Roles                    []string
	Begun, Ends              time.Time
	// Seen is when somebody last did something in it, to the minute.
	Seen time.Time
}

// SignInLink lets somebody in once.
type SignInLink struct {
	Key   SessionKey
	User  string // the name of the session that it begins
	Roles []string
	Ends  time.Time
}
