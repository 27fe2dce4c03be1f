package channels

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// parkedOn parks a waiter of its own on channels, with a tag.
func parkedOn(t *testing.T, h *Hub, tag uint64, names ...string) *Waiter {
	t.Helper()
	w := &Waiter{Tag: tag, Label: uint16(tag) + 1}
	h.Prepare(w, &Query{Channels: names}, h.Position())
	if !h.Park(w, names) {
		t.Fatal("not parked")
	}
	return w
}

func names(rows []Row) (list []string) {
	for _, r := range rows {
		list = append(list, r.Name)
	}
	return list
}

func TestSurvey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Options{Receiver: new(receiver), Shards: 4})
		parkedOn(t, h, 1, "Room:1", "room:2")
		time.Sleep(time.Second)
		for tag := uint64(2); tag < 5; tag++ {
			parkedOn(t, h, tag, "room:3")
		}
		for range 3 {
			h.Publish(Item{Channel: "news"})
		}
		h.Publish(Item{Channel: "old"})
		time.Sleep(61 * time.Second)
		h.Publish(Item{Channel: "fresh"})
		for _, tc := range []struct {
			q    Survey
			want []string
			all  int
		}{
			{Survey{Limit: 10}, []string{"Room:1", "fresh", "news", "old", "room:2", "room:3"}, 6},
			{Survey{Limit: 2}, []string{"Room:1", "fresh"}, 6},
			{Survey{}, []string{"Room:1"}, 6},
			{Survey{Limit: 10, Except: "news", Order: ByMessages}, []string{"fresh", "old", "Room:1", "room:2", "room:3"}, 5},
			{Survey{Limit: 3, Order: ByWaiters}, []string{"room:3", "Room:1", "room:2"}, 6},
			{Survey{Limit: 3, Order: ByOldestWaiter}, []string{"Room:1", "room:2", "room:3"}, 6},
			{Survey{Limit: 1, Order: ByMessages}, []string{"news"}, 6},
			{Survey{Limit: 1, Order: ByRate}, []string{"fresh"}, 6},
			{Survey{Limit: 10, Contains: "ROOM"}, []string{"Room:1", "room:2", "room:3"}, 3},
			{Survey{Limit: 10, Contains: "<"}, nil, 0},
		} {
			rows, all := h.Survey(tc.q)
			if fmt.Sprint(names(rows)) != fmt.Sprint(tc.want) || all != tc.all {
				t.Errorf("%+v: %q of %d; want %q of %d", tc.q, names(rows), all, tc.want, tc.all)
			}
		}
		h.Drain()
	})
}

// TestSurveyOfMany: what is thrown away on the way is not what is wanted.
func TestSurveyOfMany(t *testing.T) {
	h := New(Options{})
	for i := range 5000 {
		h.Publish(Item{Channel: fmt.Sprintf("c%04d", i)})
	}
	h.Publish(Item{Channel: "c2500"})
	if rows, all := h.Survey(Survey{Order: ByMessages, Limit: 2}); fmt.Sprint(names(rows)) != "[c2500 c0000]" || all != 5000 {
		t.Errorf("%q of %d", names(rows), all)
	}
	if rows, _ := h.Survey(Survey{Limit: math.MaxInt}); len(rows) != 5000 {
		t.Errorf("%d rows", len(rows))
	}
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Options{Messages: 20})
		rate := func(name string) float64 {
			rows, _ := h.Survey(Survey{Contains: name, Limit: 1})
			return rows[0].Rate
		}
		for range 30 { // more than are kept
			h.Publish(Item{Channel: "fast"})
			time.Sleep(100 * time.Millisecond)
		}
		if got := rate("fast"); math.Abs(got-10) > 0.6 {
			t.Errorf("10 a second, of which 2 s are kept: %v", got)
		}
		for range 6 {
			h.Publish(Item{Channel: "slow"})
			time.Sleep(10 * time.Second)
		}
		if got := rate("slow"); got != 0.1 {
			t.Errorf("one in 10 s: %v", got)
		}
		h.Delete("fast")
		h.Publish(Item{Channel: "fast"})
		if got := rate("fast"); got != 1.0/60 {
			t.Errorf("the first one after a delete: %v", got)
		}
	})
}

func TestSightings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Options{Receiver: new(receiver)})
		first := parkedOn(t, h, 7, "a", "b")
		time.Sleep(time.Second)
		parkedOn(t, h, 8, "a")
		seen, all := h.Sightings("a", 10)
		if len(seen) != 2 || all != 2 {
			t.Fatalf("%+v of %d", seen, all)
		}
		if want := (Sighting{Tag: 7, Label: 8, Accepts: Native, Channels: 2, Waited: time.Second}); seen[0] != want || seen[1].Tag != 8 {
			t.Errorf("%+v; want %+v and 8", seen, want)
		}
		if seen, all := h.Sightings("a", 1); len(seen) != 1 || seen[0].Tag != 7 || all != 2 {
			t.Errorf("one: %+v of %d", seen, all)
		}
		h.End(first, first.Generation(), ByGone)
		if seen, all := h.Sightings("a", 10); len(seen) != 1 || seen[0].Tag != 8 || all != 1 {
			t.Errorf("when the first has gone: %+v of %d", seen, all)
		}
		if seen, all := h.Sightings("b", 10); len(seen) != 0 || all != 0 {
			t.Errorf("nobody: %+v of %d", seen, all)
		}
		h.Drain()
	})
}

func TestNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Options{Age: time.Minute})
		for i := range 5 {
			h.Publish(Item{Channel: "a", Data: i, Forms: HTTPStream})
			time.Sleep(20 * time.Second)
		}
		kept, all := h.Newest("a", 2)
		if len(kept) != 2 || all != 3 || kept[0].Data != 4 || kept[0].Age != 20*time.Second || kept[1].Data != 3 {
			t.Errorf("%+v of %d", kept, all)
		}
		time.Sleep(time.Hour)
		if kept, all := h.Newest("a", 2); len(kept) != 0 || all != 0 {
			t.Errorf("after an hour: %+v of %d", kept, all)
		}
		if st := h.Stats(); st.Channels != 0 {
			t.Errorf("%d channels are left", st.Channels)
		}
	})
}
