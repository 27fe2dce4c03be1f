// Package poll reads the request of one native long poll: from where, for how
// long, how much and in which form. It is pure: the raw query and header values in,
// a Request or an error that says what to do out.
//
//	cursor (query), else Last-Event-ID   where to begin
//	wait (query), else Prefer: wait=N    seconds to hold
//	limit (query)                        messages per answer at most
//	format (query)                       json or raw
//
// Whatever else the query holds is ignored, so that clients can break caches with
// "_=123" and pages can carry keys of their own. A key of the four that is given
// twice is an error: two readers could take different ones.
package poll

import "time"

// MaxCursor is the length of the longest cursor in bytes, decoded.
const MaxCursor = 2048

// A Request is what one long poll asks for.
type Request struct {
	// Exactly one of HasCursor, Now and Earliest is set. Cursor is the token
	// as sent: 1 to MaxCursor characters of base64url, not understood here.
	Cursor    string
	HasCursor bool
	Now       bool // no cursor, an empty one, or "now"
	Earliest  bool // "earliest"

	// Wait is how long to hold at most; 0 answers at once. It is the client's
	// wish, lowered to Limits.Max, or without one Limits.Default.
	Wait      time.Duration
	WaitGiven bool // by query or Prefer

	// PreferApplied: Wait comes from Prefer, so the answer must carry
	// Preference-Applied with the text of PreferenceApplied.
	PreferApplied bool

	Limit int  // messages per answer at most; 0: not given
	Raw   bool // format=raw
}

// Limits are the server's bounds on what a client may ask for.
type Limits struct {
	Default  time.Duration // Request.Wait when nothing is given; not lowered to Max
	Max      time.Duration // highest wait; 0 or less: none
	MaxLimit int           // highest limit; 0 or less: 1000
}

// defaultMaxLimit is the MaxLimit of the zero Limits.
const defaultMaxLimit = 1000

// maxLimit resolves the zero value.
func (l Limits) maxLimit() int {
	if l.MaxLimit <= 0 {
		return defaultMaxLimit
	}
	return l.MaxLimit
}

// lower brings a wait the client asked for under the maximum.
func (l Limits) lower(wait time.Duration) time.Duration {
	if l.Max > 0 && wait > l.Max {
		return l.Max
	}
	return wait
}

// Error is every error of [Parse]. It stands for status 400.
type Error struct {
	Input  string // what is wrong: cursor, Last-Event-ID, wait, limit, format or query
	Detail string // what is wrong with it and what to send instead, for the client to read
}

// Error returns the detail.
func (e *Error) Error() string { return e.Detail }

// Parse reads a long poll's request from the raw query of its target (without
// the "?") and from the values of its Last-Event-ID and Prefer header lines, in
// their order. The error is always an *[Error]. No argument is kept.
//
// A cursor key in the query wins over the header even if its value is empty.
// Prefer is never an error: what is wrong in it is ignored (RFC 7240, section 2).
func Parse(query []byte, lastEventID, prefer [][]byte, lim Limits) (Request, error) {
	q, bad := parseQuery(query)
	if bad == nil {
		var r Request
		if r, bad = read(q, lastEventID, prefer, lim); bad == nil {
			return r, nil
		}
	}
	return Request{}, bad
}

// read turns the values into a request.
func read(q values, lastEventID, prefer [][]byte, lim Limits) (Request, *Error) {
	var r Request
	if bad := r.readCursor(q[keyCursor], lastEventID); bad != nil {
		return r, bad
	}
	if bad := r.readWait(q[keyWait], prefer, lim); bad != nil {
		return r, bad
	}
	if v := q[keyLimit]; v.given {
		n, bad := parseLimit(v.text, lim.maxLimit())
		if bad != nil {
			return r, bad
		}
		r.Limit = n
	}
	if v := q[keyFormat]; v.given {
		switch string(v.text) {
		case "raw":
			r.Raw = true
		case "json":
		default:
			return r, &Error{"format", "format must be json (or left out) or raw"}
		}
	}
	return r, nil
}
