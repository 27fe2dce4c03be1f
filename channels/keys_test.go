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
		"a waiter":         {unsafe.Sizeof(Waiter{}), 120},
	} {
		if size.is > size.most {
			t.Errorf("%s has %d bytes, want at most %d", what, size.is, size.most)
		}
	}
}

// Who repeats an id gets the result of what it repeats even if its record was
// pushed out before there was a result.
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
