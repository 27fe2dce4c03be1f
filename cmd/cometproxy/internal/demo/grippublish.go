package demo

import (
	"encoding/json"
	"net/http"
)

// A gripItem is a message as GRIP has it: one channel, and the whole answer for
// the polls that are held there.
type gripItem struct {
	Channel string `json:"channel"`
	ID      string `json:"id,omitempty"`
	Formats struct {
		Response struct {
			Code    int               `json:"code"`
			Headers map[string]string `json:"headers"`
			Body    string            `json:"body"`
		} `json:"http-response"`
	} `json:"formats"`
}

// publish has the proxy answer the polls on these channels.
func (a *GripApp) publish(channels []string, id string, with answer) error {
	var items []gripItem
	for _, name := range channels {
		item := gripItem{Channel: name, ID: id}
		item.Formats.Response.Code = with.code
		item.Formats.Response.Headers = with.header
		item.Formats.Response.Body = string(with.body)
		items = append(items, item)
	}
	body, err := json.Marshal(map[string]any{"items": items})
	if err != nil {
		return err
	}
	return a.send("/publish/", body, "Content-Type", "application/json")
}

// publishNew hands the proxy what it has not been given yet, in the order in which
// it was stored: to all who are signed in, or to each of those who may see it.
func (a *GripApp) publishNew() error {
	for _, s := range a.statuses.since(a.published) {
		channels := []string{channel}
		if s.readers != nil {
			channels = nil
			for _, id := range s.readers {
				channels = append(channels, personChannel(id))
			}
		}
		news := jsonAnswer(http.StatusOK, listing{Statuses: []status{s}, ID: s.ID})
		if err := a.publish(channels, s.ID, news); err != nil {
			return err
		}
		a.published = s.ID
	}
	return nil
}

// announce tells all pages who is signed in. One that is not reached learns it
// with the end of its next hold.
func (a *GripApp) announce() {
	news := jsonAnswer(http.StatusOK, listing{Statuses: []status{}, People: a.people})
	if err := a.publish([]string{channel}, "", news); err != nil {
		a.logf("demo: who is signed in is not published: %v", err)
	}
}
