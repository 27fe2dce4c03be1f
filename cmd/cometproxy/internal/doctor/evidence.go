package doctor

import (
	"net/http"
	"time"
)

// Evidence is what was measured.
type Evidence struct {
	Asked     string   // the URL that was given
	URL       string   // the one that was examined: where redirects led to
	Redirects []string // on the way
	Longest   time.Duration

	Failure *Failure // nothing could be asked at all; the rest is empty then

	Connection Connection
	Kind       Kind
	First      Answer // of URL
	Instead    bool   // URL is the probe, for the one that was given does not hold

	ProbeURL string // empty: there is none
	Probe    *Probing
	Holds    []Hold
	Poll     *Polling // of a poll's URL without a probe
}

// A Kind is what is found at a URL.
type Kind int

const (
	KindOther  Kind = iota // something that answers at once, and not as cometproxy does
	KindProbe              // the probe
	KindPoll               // a route that holds
	KindSilent             // something that lets wait, as a hold that the app asks for does
)

// A Connection is how URL was reached.
type Connection struct {
	Address     string
	Connected   time.Duration // name, TCP and TLS
	Protocol    string        // HTTP/1.1, HTTP/2.0
	TLS         string        // version; empty: none
	Certificate time.Time     // until when it is valid
}

// An Answer is what came of one request.
type Answer struct {
	Status int
	Proto  string
	Header http.Header
	Body   []byte        // its beginning
	Took   time.Duration // to the end of the body, or to Err
	Err    error
	Reused bool   // by a connection that another request came by before
	Coded  string // Content-Encoding
}

// A Hold is one request that was to be kept waiting.
type Hold struct {
	Asked  time.Duration // 0: nobody was asked how long
	Answer Answer
}

// Probing is what the probe told.
type Probing struct {
	Echoes []Echoed // of requests one after the other, on one connection if that is kept
	Coded  *Echoed  // of one that takes compressed answers
	Pieces *Pieces
}

// Echoed is an answer of the probe.
type Echoed struct {
	Answer Answer
	Echo   *Echo // nil: it could not be read
}

// Echo is what the probe says of a request.
type Echo struct {
	Probe      int
	Nonce      string
	HTTP       string
	Connection string
	Names      []string
	Values     map[string]string
	Timeout    float64
	Max        float64 `json:"max_timeout"`
}

// Pieces are those of an answer that was sent with pauses.
type Pieces struct {
	Answer  Answer
	Sent    []time.Duration // when each was, since the first
	Arrived []time.Duration
}

// Polling is what the answers of a poll tell when there is no probe.
type Polling struct {
	Coded Answer // to one that takes compressed answers, and has a body
}
