package flight

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
)

// What a sealed message is, so that none can stand for another.
const (
	sealTicket  = 't' // one run of a statement
	sealHandle  = 'p' // a prepared statement
	sealSession = 's' // a session's settings, in a cookie
	sealToken   = 'u' // a user, in a bearer token
)

// sealMagic begins every sealed message; its last character is the version.
const sealMagic = "TRL1"

// errSeal is the error of a message that this server has not sealed.
var errSeal = errors.New("it is damaged, or was made by another server or before this one was restarted without a signing key of its own")

// sealer signs messages with HMAC-SHA256.
//
//	"TRL1" | kind | payload | 32 bytes of MAC over all before it
type sealer struct{ key []byte }

// seal returns a signed message.
func (s sealer) seal(kind byte, payload []byte) []byte {
	out := make([]byte, 0, len(sealMagic)+1+len(payload)+sha256.Size)
	out = append(out, sealMagic...)
	out = append(out, kind)
	out = append(out, payload...)
	return append(out, s.sum(out)...)
}

// open returns the payload of a signed message of a kind.
func (s sealer) open(kind byte, sealed []byte) ([]byte, error) {
	head := len(sealMagic) + 1
	if len(sealed) < head+sha256.Size || !bytes.HasPrefix(sealed, []byte(sealMagic)) || sealed[head-1] != kind {
		return nil, errSeal
	}
	signed := sealed[:len(sealed)-sha256.Size]
	if !hmac.Equal(sealed[len(signed):], s.sum(signed)) {
		return nil, errSeal
	}
	return signed[head:], nil
}

func (s sealer) sum(message []byte) []byte {
	mac := hmac.New(sha256.New, s.key)
	mac.Write(message)
	return mac.Sum(nil)
}
