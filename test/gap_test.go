package test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"cometproxy/test/internal/harness"
)

// wantNews checks an answer: its messages' texts, and the channels with a gap.
func wantNews(t *testing.T, a *harness.Answer, gaps []string, want ...string) harness.News {
	t.Helper()
	n := a.WantNews(t)
	if got := texts(n); !slices.Equal(got, want) {
		t.Errorf("messages %q; want %q", got, want)
	}
	if n.Gap != (gaps != nil) || !slices.Equal(n.GapChannels, gaps) {
		t.Errorf("gap %v in %q; want %q", n.Gap, n.GapChannels, gaps)
	}
	if empty := len(want) == 0 && gaps == nil; empty != (a.Status == 204) {
		t.Errorf("status %d", a.Status)
	}
	return n
}

// TestGapAfterRestart: a cursor of an earlier process is a gap at once, also of a
// poll that would wait, and also with messages that are kept.
func TestGapAfterRestart(t *testing.T) {
	t.Parallel()
	first := harness.Start(t, roomsConfig)
	first.Publish("room:1", "before")
	cursor := first.Client(t).Get(t, "/room/1?cursor=earliest&wait=0").WantNews(t).Cursor
	wantNews(t, first.Client(t).Get(t, "/room/1?wait=0&cursor="+cursor), nil)
	first.Stop()

	second := harness.Start(t, roomsConfig)
	c := second.Client(t)
	begin := time.Now()
	n := wantNews(t, c.Get(t, "/room/1?wait=20&cursor="+cursor), []string{"room:1"})
	if d := time.Since(begin); d > soon() {
		t.Errorf("the gap was told after %s", d)
	}
	wantNews(t, c.Get(t, "/room/1?wait=0&cursor="+n.Cursor), nil)
	second.Publish("room:1", "after")
	wantNews(t, c.Get(t, "/room/1?wait=20&cursor="+cursor), []string{"room:1"}, "after")
	wantNews(t, c.Get(t, "/room/1?wait=20&cursor="+n.Cursor), nil, "after")
	wantNews(t, c.Get(t, "/poll/1/2/3?wait=20&cursor="+cursor), []string{"room:1", "room:2", "room:3"}, "after")
}

// TestGapAfterOverflow: who comes back when the window has moved on is told so,
// and gets what is kept, and the other channels' news.
func TestGapAfterOverflow(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "[history]\nmessages = 5\n"+roomsRoutes)
	c := s.Client(t)
	cursor := c.Get(t, "/poll/1/2/3?wait=0").WantNews(t).Cursor
	for i := range 5 {
		s.Publish("room:1", fmt.Sprint(i))
	}
	n := wantNews(t, c.Get(t, "/room/1?wait=20&cursor="+cursor), nil, "0", "1", "2", "3", "4")
	s.Publish("room:2", "other")
	s.Publish("room:1", "5")
	wantNews(t, c.Get(t, "/poll/1/2/3?wait=20&cursor="+cursor), []string{"room:1"}, "1", "2", "3", "4", "other", "5")
	wantNews(t, c.Get(t, "/poll/3/2/1?wait=20&cursor="+n.Cursor), nil, "other", "5")
	wantNews(t, c.Get(t, "/poll/1/2/3?wait=20&cursor=earliest"), nil, "1", "2", "3", "4", "other", "5")
}

// TestGapAfterDelete: an older cursor is a gap, parked polls end with it, and
// what comes afterwards is ordinary.
func TestGapAfterDelete(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, roomsConfig)
	c := s.Client(t)
	s.Publish("room:1", "gone")
	s.Publish("room:2", "kept")
	cursor := c.Get(t, "/poll/1/2/3?wait=0").WantNews(t).Cursor
	if n := s.Delete("room:1"); n != 0 {
		t.Errorf("released %d; want 0", n)
	}
	n := wantNews(t, c.Get(t, "/room/1?wait=20&cursor="+cursor), []string{"room:1"})
	wantNews(t, c.Get(t, "/room/1?wait=0&cursor="+n.Cursor), nil)
	wantNews(t, c.Get(t, "/room/2?wait=0&cursor="+cursor), nil)
	wantNews(t, c.Get(t, "/room/1?wait=0&cursor=earliest"), nil)
	s.Publish("room:1", "new")
	wantNews(t, c.Get(t, "/room/1?wait=20&cursor="+cursor), []string{"room:1"}, "new")
	wantNews(t, c.Get(t, "/room/1?wait=20&cursor="+n.Cursor), nil, "new")

	parked := connect(t, s, 20)
	park(t, s, parked, func(i int) string {
		if i%2 == 0 {
			return get("/poll/1/2/3?wait=30")
		}
		return get("/room/1?wait=30")
	})
	if n := s.Delete("room:1"); n != 20 {
		t.Errorf("released %d; want 20", n)
	}
	for _, p := range parked {
		wantNews(t, p.Want(t, 200), []string{"room:1"})
	}
	if n := s.Delete("never"); n != 0 {
		t.Errorf("released %d of a channel that never was", n)
	}
}

// TestIdleChannel: coming back with a current cursor to a channel that has been
// silent for longer than its messages are kept is no gap.
func TestIdleChannel(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "[history]\nage = \"1s\"\n"+roomsRoutes)
	c := s.Client(t)
	start := c.Get(t, "/room/1?wait=0").WantNews(t).Cursor
	s.Publish("room:1", "1")
	n := wantNews(t, c.Get(t, "/room/1?wait=0&cursor="+start), nil, "1")
	end := time.Now().Add(10 * time.Second)
	for s.Stats().Channels.Messages != 0 {
		if time.Sleep(50 * time.Millisecond); time.Now().After(end) {
			t.Fatal("the message is still kept")
		}
	}
	time.Sleep(1500 * time.Millisecond)
	st := s.Stats().Channels
	if st.Channels != 0 || st.Tombstones != 1 {
		t.Errorf("%+v; want no channel and one tombstone", st)
	}
	wantNews(t, c.Get(t, "/room/1?wait=0&cursor="+n.Cursor), nil)
	wantNews(t, c.Get(t, "/poll/1/2/3?wait=0&cursor="+n.Cursor), nil)
	wantNews(t, c.Get(t, "/room/1?wait=0&cursor="+start), []string{"room:1"}) // too old, and said so
	wantNews(t, c.Get(t, "/room/2?wait=0&cursor="+start), nil)
	wantNews(t, c.Get(t, "/room/1?wait=0&cursor=earliest"), nil)

	park(t, s, []*harness.Client{c}, func(int) string { return get("/room/1?wait=20&cursor=" + n.Cursor) })
	s.Publish("room:1", "2")
	wantNews(t, c.Want(t, 200), nil, "2")
	wantNews(t, c.Get(t, "/room/1?wait=0&cursor="+n.Cursor), nil, "2")
}
