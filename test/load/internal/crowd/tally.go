package crowd

import "fmt"

// A Tally counts what clients and publishers saw.
type Tally struct {
	Published   int      `json:"published"`
	Received    int      `json:"received"`
	Lost        int      `json:"lost"`        // messages that a client of their channel never got
	Doubled     int      `json:"doubled"`     // messages that a client got again
	Wrong       int      `json:"wrong"`       // messages that nobody published there
	Empty       int      `json:"empty"`       // answers without a message: the poll's time was up
	Refused     int      `json:"refused"`     // answers that say no; asked again
	Closed      int      `json:"closed"`      // connections closed instead of an answer
	Reconnected int      `json:"reconnected"` // clients that needed a new connection
	Faults      []string `json:"faults,omitempty"`
}

// fault notes the first few things that should not be.
func (t *Tally) fault(format string, args ...any) {
	const most = 5
	if len(t.Faults) < most {
		t.Faults = append(t.Faults, fmt.Sprintf(format, args...))
	}
}

func (t *Tally) refuse(status int, body []byte) {
	if t.Refused++; t.Refused == 1 {
		t.fault("the first refusal: %d %.100q", status, body)
	}
}

// Clean tells whether every message came once, and every request was answered.
func (t *Tally) Clean() bool {
	return t.Lost == 0 && t.Doubled == 0 && t.Wrong == 0 && t.Refused == 0 && t.Closed == 0 && len(t.Faults) == 0
}
