package presence

import (
	"encoding/json"
	"time"
)

// Type is the media type of a Body.
const Type = "application/json"

// Body is a batch as the app gets it:
//
//	{"node":"web-1","session":"K3X…","seq":12,"events":[
//	  {"event":"join","channel":"user:7","time":"2026-01-02T15:04:05.678Z"},
//	  {"event":"leave","channel":"user:8","time":"2026-01-02T15:03:54.321Z"},
//	  {"event":"start","time":"2026-01-02T15:04:06Z"}]}
func Body(node string, b *Batch) []byte {
	type event struct {
		Event   Kind      `json:"event"`
		Channel string    `json:"channel,omitempty"`
		Time    time.Time `json:"time"`
	}
	body := struct {
		Node    string  `json:"node"`
		Session string  `json:"session"`
		Seq     uint64  `json:"seq"`
		Events  []event `json:"events"`
	}{node, b.Session, b.Seq, make([]event, len(b.Events))}
	for i, e := range b.Events {
		body.Events[i] = event{e.Kind, e.Channel, e.Time.UTC().Truncate(time.Millisecond)}
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // strings and times cannot fail
	}
	return text
}
