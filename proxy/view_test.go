package proxy

import (
	"strings"
	"sync"
	"testing"
	"time"

	"cometproxy/channels"
)

// TestWaitersOn: who looks at a channel learns who waits there, and since when.
func TestWaitersOn(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, s *site) {
		s.dial().get("/both/1")
		time.Sleep(time.Second)
		s.dial().get("/events/1")
		s.quiet()
		list, all := s.WaitersOn("room:1", 10)
		if all != 2 || len(list) != 2 {
			t.Fatalf("%+v of %d", list, all)
		}
		if w := list[0]; w.Route != "/both/{room}" || w.Channels != 2 || w.Waited != time.Second || w.GRIP || w.Address == "" {
			t.Errorf("the first: %+v", w)
		}
		if w := list[1]; w.Route != "/events/{room}" || w.Channels != 1 || w.Waited != 0 {
			t.Errorf("the second: %+v", w)
		}
		if list, all := s.WaitersOn("room:1", 1); all != 2 || len(list) != 1 {
			t.Errorf("one: %+v of %d", list, all)
		}
		s.request("POST", "/channels/room:1", "x")
		if list, all := s.WaitersOn("room:1", 10); all != 0 || len(list) != 0 {
			t.Errorf("after a message: %+v of %d", list, all)
		}
	})
}

func TestNewestOf(t *testing.T) {
	virtual(t, Options{}, func(t *testing.T, s *site) {
		s.request("POST", "/channels/a", strings.Repeat("é", 10))
		s.request("POST", "/channels/a", "\xff\xfe")
		s.request("POST", "/channels/a", "")
		s.request("POST", "/publish/", `{"items":[{"channel":"a","id":"7","formats":{"http-stream":{"content":"x"}}}]}`)
		time.Sleep(time.Second)
		list, all := s.NewestOf("a", 10, 5)
		if all != 4 || len(list) != 4 {
			t.Fatalf("%+v of %d", list, all)
		}
		if m := list[0]; m.ID != "7" || m.Size != 0 || m.Age != time.Second || m.Binary {
			t.Errorf("for streams: %+v", m)
		}
		if m := list[1]; m.Text != "" || m.Size != 0 || m.Binary {
			t.Errorf("empty: %+v", m)
		}
		if m := list[2]; m.Text != "" || !m.Binary || m.Size != 2 || m.Type != octetStream {
			t.Errorf("binary: %+v", m)
		}
		if m := list[3]; m.Text != "éé" || m.Size != 20 || m.Type != textPlain || m.Cursor == "" {
			t.Errorf("text: %+v", m)
		}
		rows, all := s.Survey(channels.Survey{Limit: 10})
		if all != 1 || rows[0].Name != "a" || rows[0].Messages != 4 {
			t.Errorf("%+v of %d", rows, all)
		}
	})
}

func TestLabels(t *testing.T) {
	var l labels
	if l.text(0) != "" || l.text(7) != "" {
		t.Error("there are labels that nobody made")
	}
	a, b := l.of("/a"), l.of("/b")
	if a == 0 || b == 0 || a == b || l.of("/a") != a || l.text(a) != "/a" || l.text(b) != "/b" {
		t.Errorf("labels %d and %d", a, b)
	}
	for i := range 2 * maxLabels {
		l.of(strings.Repeat("x", i))
	}
	if len(l.texts) != maxLabels || l.of("/a") != a || l.of("/new") != 0 {
		t.Errorf("%d labels", len(l.texts))
	}
}

// TestLooking: looking while clients come and go, are answered and hang up. The race
// detector and the books at the end say whether it touches what is others'.
func TestLooking(t *testing.T) {
	s := open(t, Options{})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 200 {
				c := s.dial()
				c.get("/both/1?wait=0.02", "Connection: close")
				if (i+n)%3 == 0 {
					c.Close()
					continue
				}
				c.answer()
				c.Close()
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for looked := 0; ; looked++ {
		select {
		case <-done:
			t.Logf("looked %d times", looked)
			return
		default:
		}
		list, waiters := s.WaitersOn("room:1", 5)
		if len(list) > 5 || len(list) > waiters {
			t.Fatalf("%d of %d", len(list), waiters)
		}
		for _, w := range list {
			if w.Route != "/both/{room}" || w.Channels != 2 {
				t.Fatalf("%+v", w)
			}
		}
		s.Survey(channels.Survey{Order: channels.ByOldestWaiter, Limit: 3})
		s.NewestOf("room:1", 3, 10)
		if looked%10 == 0 {
			s.hub.Publish(channels.Item{Channel: "room:1", Data: &payload{body: []byte("x"), kind: text, contentType: textPlain}, Forms: channels.Native})
		}
	}
}
