package channels

import (
	"testing"
	"unsafe"
)

// Of these there are hundreds of thousands.
func TestSizes(t *testing.T) {
	for what, size := range map[string]struct{ is, most uintptr }{
		"a remembered id":  {unsafe.Sizeof(keyRecord[struct{}]{}), 80},
		"a remembered key": {unsafe.Sizeof(keyRecord[[32]byte]{}), 112},
		"a kept message":   {unsafe.Sizeof(Message{}), 80},
		"a waiter":         {unsafe.Sizeof(Waiter{}), 160},
	} {
		if size.is > size.most {
			t.Errorf("%s has %d bytes, want at most %d", what, size.is, size.most)
		}
	}
}

// A publish that panics, as its Receiver may, holds up nobody who repeats it.
func TestPublishNewAfterAPanic(t *testing.T) {
	h := New(Options{Receiver: panicking{}})
	parkOn(t, h, "a")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		h.PublishNew(Item{Channel: "a", ID: "x"})
	}()
	if _, repeated := h.PublishNew(Item{Channel: "a", ID: "x"}); !repeated {
		t.Error("published again")
	}
}

type panicking struct{}

func (panicking) Released(Batch) { panic("for the test") }

// One that repeats an id comes back to what it repeats when the first one's
// record was pushed out meanwhile, too.
func TestForgottenWhileItIsPublished(t *testing.T) {
	var k keys[struct{}]
	k.init(1, -1)
	first, mine := k.take(keyName{"a", "x"}, struct{}{}, 0)
	again, his := k.take(keyName{"a", "x"}, struct{}{}, 0)
	if !mine || his || again != first {
		t.Fatal("two records of one name")
	}
	k.take(keyName{"a", "y"}, struct{}{}, 0)
	if third, mine := k.take(keyName{"a", "x"}, struct{}{}, 0); !mine || third == first {
		t.Error("not forgotten")
	}
	h := New(Options{})
	r := first.publish(h, Item{Channel: "a", ID: "x"})
	if got := again.wait(); got != r || got.Number != 1 {
		t.Errorf("%+v, want %+v", got, r)
	}
}
